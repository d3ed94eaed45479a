import assert from "node:assert/strict";
import { getprotobyname, getservbyname, UsageError } from "@anyevent/loop";

Deno.test("getservbyname() knows the usual services by name and protocol", () => {
  const ports = { http: 80, https: 443, smtp: 25, domain: 53, ssh: 22, imap: 143, git: 9418 };
  for (const [name, port] of Object.entries(ports)) assert.equal(getservbyname(name), port, name);
  assert.equal(getservbyname("www"), 80);
  assert.equal(getservbyname("domain", "udp"), 53);
  assert.equal(getservbyname("ntp", "udp"), 123);
  assert.equal(getservbyname("ntp"), undefined);
  assert.equal(getservbyname("syslog", "udp"), 514);
  assert.equal(getservbyname("HTTP"), undefined);
  assert.equal(getservbyname("constructor"), undefined);
  assert.throws(() => getservbyname(80 as never), UsageError);
});

Deno.test("getprotobyname() knows tcp, udp and sctp in any case and by number", () => {
  assert.deepEqual(getprotobyname("tcp"), ["tcp", "TCP", 6]);
  assert.deepEqual(getprotobyname("TCP"), ["tcp", "TCP", 6]);
  assert.deepEqual(getprotobyname("6"), ["tcp", "TCP", 6]);
  assert.deepEqual(getprotobyname("udp"), ["udp", "UDP", 17]);
  assert.deepEqual(getprotobyname("sctp"), ["sctp", "SCTP", 132]);
  assert.equal(getprotobyname("icmp"), undefined);
  assert.throws(() => getprotobyname(6 as never), UsageError);
});
