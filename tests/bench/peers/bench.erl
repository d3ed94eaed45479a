%% Erlang: prints NAME TAB VALUE. Values in ns.
-module(bench).
-export([main/0]).

main() ->
    local_send(2000000),
    halt().

out(Name, Ns) -> io:format("~s\t~.1f~n", [Name, float(Ns)]).

local_send(N) ->
    Self = self(),
    P = spawn(fun() -> sink(N, Self) end),
    T0 = erlang:monotonic_time(nanosecond),
    send(P, N),
    receive done -> ok end,
    out("message to a local port", (erlang:monotonic_time(nanosecond) - T0) / N).

send(_, 0) -> ok;
send(P, N) -> P ! {bench, 1}, send(P, N - 1).
sink(0, Parent) -> Parent ! done;
sink(N, Parent) -> receive {bench, _} -> sink(N - 1, Parent) end.
