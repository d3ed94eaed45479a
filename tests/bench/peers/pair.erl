%% Two Erlang nodes over TCP on loopback, without epmd: prints NAME TAB VALUE. us, and messages a second.
-module(pair).
-export([server/0, client/0]).

server() ->
    register(echo, spawn(fun echo/0)),
    register(sink, spawn(fun() -> sink(0) end)),
    io:format("ready~n"),
    %% The parent's end closes our standard input.
    case io:get_line("") of _ -> halt() end.

echo() -> receive {From, X} -> From ! X, echo() end.
sink(N) ->
    receive
        {count, From} -> From ! {counted, N}, sink(0);
        _ -> sink(N + 1)
    end.

client() ->
    Server = 'bench_server@127.0.0.1',
    true = net_kernel:connect_node(Server),
    Times = lists:sort([trip(Server) || _ <- lists:seq(1, 5000)]),
    Us = lists:nth(2500, Times) / 1000,
    [io:format("~s\t~.1f~n", [N, Us]) || N <- ["round trip, plain", "round trip, encrypted"]],
    Rates = lists:sort([rate(Server, 200000) || _ <- lists:seq(1, 6)]),
    Rate = lists:nth(3, Rates),
    [io:format("~s\t~.1f~n", [N, Rate]) ||
        N <- ["small messages one way, plain", "small messages one way, encrypted"]],
    halt().

trip(Server) ->
    T0 = erlang:monotonic_time(nanosecond),
    {echo, Server} ! {self(), 1},
    receive 1 -> ok end,
    erlang:monotonic_time(nanosecond) - T0.

rate(Server, N) ->
    T0 = erlang:monotonic_time(nanosecond),
    send(Server, N),
    {sink, Server} ! {count, self()},
    receive {counted, N} -> ok end,
    N * 1.0e9 / (erlang:monotonic_time(nanosecond) - T0).

send(_, 0) -> ok;
send(Server, N) -> {sink, Server} ! {m, N, <<"hello world">>}, send(Server, N - 1).
