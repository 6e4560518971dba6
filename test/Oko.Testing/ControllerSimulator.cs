using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Oko.OpenFlow.Messages;

namespace Oko.Testing;

/// <summary>
/// A scripted OpenFlow peer over a real loopback socket: plays a controller that listens or connects. It answers nothing by itself,
/// so a test decides what the switch gets to see; a test awaits messages, it never sleeps.
/// </summary>
/// <remarks>Built on plain sockets and not on the channel under test. Messages that were received and not asked for stay
/// available, in order.</remarks>
public sealed class ControllerSimulator : IAsyncDisposable
{
    /// <summary>How long every wait lasts unless the test says otherwise.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    private readonly Stream _stream;
    private readonly List<byte[]> _received = [];
    private readonly object _lock = new();
    private readonly CancellationTokenSource _stopping = new();
    private TaskCompletionSource _news = NewSignal();
    private bool _isEndOfStream;
    private Task _reader = Task.CompletedTask;
    private int _nextXid = 0x1000;

    private ControllerSimulator(Stream stream, bool isReading)
    {
        _stream = stream;
        if (isReading)
        {
            StartReading();
        }
    }

    /// <summary>Whether the switch has closed the connection.</summary>
    public bool IsClosedByPeer
    {
        get
        {
            lock (_lock)
            {
                return _isEndOfStream;
            }
        }
    }

    /// <summary>Connects to a listener of the switch; nothing is sent.</summary>
    /// <param name="address">Of the listener.</param>
    /// <param name="isReading">False: takes no bytes until <see cref="StartReading"/>.</param>
    /// <param name="secure">Puts TLS over the connection.</param>
    public static async Task<ControllerSimulator> ConnectAsync(IPEndPoint address, bool isReading = true, Func<Stream, Task<Stream>>? secure = null)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        var target = address.Address.Equals(IPAddress.Any) ? new IPEndPoint(IPAddress.Loopback, address.Port) : address;
        await socket.ConnectAsync(target).WaitAsync(DefaultTimeout).ConfigureAwait(false);
        return await OverAsync(socket, isReading, secure).ConfigureAwait(false);
    }

    /// <summary>Connects and exchanges HELLO as an ordinary 1.3 controller.</summary>
    public static async Task<ControllerSimulator> OpenAsync(IPEndPoint address)
    {
        var controller = await ConnectAsync(address).ConfigureAwait(false);
        await controller.HelloAsync().ConfigureAwait(false);
        return controller;
    }

    /// <summary>Waits for the switch to connect to <paramref name="listener"/>; nothing is sent.</summary>
    public static async Task<ControllerSimulator> AcceptAsync(Socket listener, TimeSpan? timeout = null, Func<Stream, Task<Stream>>? secure = null) =>
        await OverAsync(await listener.AcceptAsync().WaitAsync(timeout ?? DefaultTimeout).ConfigureAwait(false), isReading: true, secure).ConfigureAwait(false);

    /// <summary>A listening socket on a free loopback port.</summary>
    public static Socket Listen(int port = 0)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        listener.Listen();
        return listener;
    }

    /// <summary>A fresh transaction id.</summary>
    public uint NextXid() => (uint)Interlocked.Increment(ref _nextXid);

    /// <summary>Begins to take bytes from the socket, for a simulator that was made not to.</summary>
    public void StartReading() => _reader = Task.Run(ReadAsync);

    /// <summary>Awaits the switch's HELLO, then sends a HELLO of version 1.3.</summary>
    public async Task HelloAsync()
    {
        await ExpectRawAsync(frame => frame[1] == 0).ConfigureAwait(false);
        await SendRawAsync(Frame(version: 4, type: 0, xid: NextXid())).ConfigureAwait(false);
    }

    /// <summary>Sends bytes as they are.</summary>
    public async Task SendRawAsync(params byte[] bytes)
    {
        await _stream.WriteAsync(bytes).ConfigureAwait(false);
    }

    /// <summary>Sends a message; an xid of 0 is replaced by a fresh one.</summary>
    /// <returns>The xid that was sent.</returns>
    public async Task<uint> SendAsync(OpenFlowMessage message)
    {
        var sent = message.Xid == 0 ? message with { Xid = NextXid() } : message;
        await SendRawAsync(MessageCodec.Encode(sent)).ConfigureAwait(false);
        return sent.Xid;
    }

    /// <summary>Takes the first message of a kind out of what has been received, waiting for it if need be.</summary>
    /// <exception cref="TimeoutException">None came in time; the text lists what came instead.</exception>
    public async Task<T> ExpectAsync<T>(Func<T, bool>? predicate = null, TimeSpan? timeout = null)
        where T : OpenFlowMessage
    {
        T? found = null;
        await ExpectRawAsync(
            frame => MessageCodec.Decode(frame) is T message && (predicate is null || predicate(message)) && (found = message) is not null,
            timeout,
            typeof(T).Name).ConfigureAwait(false);
        return found!;
    }

    /// <summary>Sends a request and takes the first message of a kind with its xid.</summary>
    public async Task<T> RequestAsync<T>(OpenFlowMessage request, TimeSpan? timeout = null)
        where T : OpenFlowMessage
    {
        var xid = await SendAsync(request).ConfigureAwait(false);
        return await ExpectAsync<T>(reply => reply.Xid == xid, timeout).ConfigureAwait(false);
    }

    /// <summary>Takes the first frame that satisfies a predicate out of what has been received, waiting for it if need be.</summary>
    /// <exception cref="TimeoutException">None came in time; the text lists what came instead.</exception>
    public async Task<byte[]> ExpectRawAsync(Func<byte[], bool> predicate, TimeSpan? timeout = null, string what = "the awaited message")
    {
        using var deadline = new CancellationTokenSource(timeout ?? DefaultTimeout);
        while (true)
        {
            Task news;
            lock (_lock)
            {
                var index = _received.FindIndex(frame => predicate(frame));
                if (index >= 0)
                {
                    var frame = _received[index];
                    _received.RemoveAt(index);
                    return frame;
                }

                if (_isEndOfStream)
                {
                    throw new TimeoutException($"The switch closed the connection before {what} came; there was {Describe()}.");
                }

                news = _news.Task;
            }

            try
            {
                await news.WaitAsync(deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"No {what} came in time; there was {Describe()}.");
            }
        }
    }

    /// <summary>Waits until the switch has closed the connection.</summary>
    public async Task ExpectClosedAsync(TimeSpan? timeout = null) => await _reader.WaitAsync(timeout ?? DefaultTimeout).ConfigureAwait(false);

    /// <summary>A copy of what has been received and not taken.</summary>
    public IReadOnlyList<byte[]> PeekReceived()
    {
        lock (_lock)
        {
            return [.. _received];
        }
    }

    /// <summary>A message built by hand: header and body.</summary>
    public static byte[] Frame(byte version, byte type, uint xid, params byte[] body)
    {
        var frame = new byte[8 + body.Length];
        frame[0] = version;
        frame[1] = type;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)frame.Length);
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(4), xid);
        body.CopyTo(frame, 8);
        return frame;
    }

    /// <summary>The transaction id of a frame.</summary>
    public static uint XidOf(byte[] frame) => BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(4));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // Not disposed of, so that a test may close a peer early and again at its end; nothing hangs on it after cancelling.
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
        await _reader.ConfigureAwait(false);
    }

    private static async Task<ControllerSimulator> OverAsync(Socket socket, bool isReading, Func<Stream, Task<Stream>>? secure)
    {
        socket.NoDelay = true;
        var plain = new NetworkStream(socket, ownsSocket: true);
        try
        {
            return new ControllerSimulator(secure is null ? plain : await secure(plain).WaitAsync(DefaultTimeout).ConfigureAwait(false), isReading);
        }
        catch
        {
            await plain.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task ReadAsync()
    {
        var header = new byte[8];
        try
        {
            while (await FillAsync(header).ConfigureAwait(false))
            {
                var frame = new byte[BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(2))];
                header.CopyTo(frame, 0);
                if (!await FillAsync(frame.AsMemory(8)).ConfigureAwait(false))
                {
                    break;
                }

                Signal(() => _received.Add(frame));
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // A reset by the switch is the end of the stream like any other.
        }

        Signal(() => _isEndOfStream = true);
    }

    private async Task<bool> FillAsync(Memory<byte> memory)
    {
        for (var filled = 0; filled < memory.Length;)
        {
            var size = await _stream.ReadAsync(memory[filled..], _stopping.Token).ConfigureAwait(false);
            if (size == 0)
            {
                return false;
            }

            filled += size;
        }

        return true;
    }

    private void Signal(Action change)
    {
        TaskCompletionSource news;
        lock (_lock)
        {
            change();
            (news, _news) = (_news, NewSignal());
        }

        news.SetResult();
    }

    private string Describe()
    {
        lock (_lock)
        {
            return _received.Count == 0 ? "nothing else" : string.Join(", ", _received.Select(frame => $"type {frame[1]} xid 0x{XidOf(frame):x} ({frame.Length} bytes)"));
        }
    }
}
