%% Erlang, one row of the threads' benchmark on one scheduler: main([ROW, SECONDS]) prints lines of
%% NAME TAB VALUE (ns, or bytes): the median of batches of about a millisecond.
-module(coro).
-export([main/1]).

-define(BATCH, 2000).

main([Row, Seconds]) ->
    row(Row, case string:to_float(Seconds) of {error, _} -> float(list_to_integer(Seconds)); {F, _} -> F end),
    halt().

now_ns() -> erlang:monotonic_time(nanosecond).

out(Name, Value) -> io:format("~s\t~.2f~n", [Name, float(Value)]).

measure(Seconds, Name, Run) ->
    warm(now_ns() + 100000000, Run),
    Values = lists:sort(batches(now_ns() + round(Seconds * 1.0e9), Run, 0, [])),
    out(Name, lists:nth(length(Values) div 2 + 1, Values)).

warm(End, Run) -> Run(), case now_ns() < End of true -> warm(End, Run); false -> ok end.

batches(End, Run, N, Values) ->
    case N < 5 orelse now_ns() < End of
        true -> batches(End, Run, N + 1, [Run() | Values]);
        false -> Values
    end.

row("switch-" ++ Count, Seconds) ->
    N = list_to_integer(Count),
    %% Those that run would run each time that this one is preempted.
    process_flag(priority, high),
    Ps = [spawn(fun() -> receive go -> yield_for_ever() end end) || _ <- lists:seq(2, N)],
    [P ! go || P <- Ps],
    process_flag(priority, normal),
    measure(Seconds, io_lib:format("thread switch, ~p threads", [N]), fun() -> switches(N) end);
row("life", Seconds) ->
    measure(Seconds, "thread create + run + join", fun() ->
        T = now_ns(),
        lives(?BATCH),
        (now_ns() - T) / ?BATCH
    end);
row("memory", _) ->
    N = 100000,
    erlang:garbage_collect(),
    Before = erlang:memory(processes),
    Ps = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, N)],
    erlang:yield(),
    Words = erts_debug:flat_size(Ps),
    out("memory of a parked thread", (erlang:memory(processes) - Before - Words * 8) / N);
row("ping-pong", Seconds) ->
    P = spawn(fun echo/0),
    measure(Seconds, "channel ping-pong, a message", fun() ->
        T = now_ns(),
        ping(P, ?BATCH),
        (now_ns() - T) / (2 * ?BATCH)
    end);
row("buffer", Seconds) ->
    %% A mailbox has no bounds: the nearest there is.
    measure(Seconds, "channel with buffer of 100, a message", fun() ->
        N = 4 * ?BATCH,
        Self = self(),
        T = now_ns(),
        spawn(fun() -> send(Self, N) end),
        take(N),
        (now_ns() - T) / N
    end).

%% One of N processes that do nothing but give way.
switches(N) ->
    Rounds = max(2, 20000 div N),
    erlang:yield(),
    T = now_ns(),
    yields(Rounds),
    (now_ns() - T) / (N * Rounds).

yields(0) -> ok;
yields(N) -> erlang:yield(), yields(N - 1).

yield_for_ever() -> erlang:yield(), yield_for_ever().

lives(0) -> ok;
lives(N) ->
    {_, Ref} = spawn_monitor(fun() -> ok end),
    receive {'DOWN', Ref, process, _, _} -> ok end,
    lives(N - 1).

echo() -> receive {From, V} -> From ! V, echo() end.

ping(_, 0) -> ok;
ping(P, N) -> P ! {self(), N}, receive N -> ok end, ping(P, N - 1).

send(_, 0) -> ok;
send(P, N) -> P ! {bench, N}, send(P, N - 1).

take(0) -> ok;
take(N) -> receive {bench, _} -> take(N - 1) end.
