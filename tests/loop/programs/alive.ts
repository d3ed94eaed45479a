import { AE } from "@anyevent/loop";

AE.signal("USR1", () => console.log("signal"));
AE.timer(30, 0, () => console.log("unref'd")).unref();
AE.timer(0.01, 0, () => console.log("timer"));
let idles = 0;
const idle = AE.idle(() => {
  if (++idles < 3) return;
  console.log("idle");
  idle.cancel();
});
