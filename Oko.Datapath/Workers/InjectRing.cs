using System.Collections.Immutable;
using Oko.Datapath.Pipeline;

namespace Oko.Datapath.Workers;

/// <summary>One packet-out on its way to the worker.</summary>
/// <param name="Frame">The packet.</param>
/// <param name="InPort">Ingress port it is treated as coming from.</param>
/// <param name="Actions">What to do with it.</param>
internal sealed record InjectRequest(byte[] Frame, uint InPort, ImmutableArray<DatapathAction> Actions);

/// <summary>Packet-outs from control threads to the worker: a bounded ring. Writers lock each other out; the reader never waits.</summary>
internal sealed class InjectRing
{
    private const int Slots = 4096;

    private readonly InjectRequest?[] _slots = new InjectRequest?[Slots];
    private readonly Lock _writers = new();
    private long _written, _read;

    internal bool IsEmpty => Volatile.Read(ref _read) == Volatile.Read(ref _written);

    /// <summary>How many requests were ever written.</summary>
    internal long Written => Volatile.Read(ref _written);

    /// <summary>How many requests the worker has taken.</summary>
    internal long Taken => Volatile.Read(ref _read);

    internal bool TryWrite(InjectRequest request)
    {
        lock (_writers)
        {
            if (_written - Volatile.Read(ref _read) == Slots)
            {
                return false;
            }

            _slots[_written % Slots] = request;
            Volatile.Write(ref _written, _written + 1);
            return true;
        }
    }

    /// <summary>Worker: the oldest request, or null.</summary>
    internal InjectRequest? TryRead()
    {
        if (_read == Volatile.Read(ref _written))
        {
            return null;
        }

        ref var slot = ref _slots[_read % Slots];
        var request = slot;
        slot = null;
        Volatile.Write(ref _read, _read + 1);
        return request;
    }
}
