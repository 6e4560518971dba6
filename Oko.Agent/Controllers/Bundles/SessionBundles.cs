using Oko.OpenFlow.Bundles;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Controllers.Bundles;

/// <summary>The bundles of one connection, until they are committed or discarded or the connection ends. Control thread only.</summary>
/// <remarks>Source: ONF Extensions for OpenFlow 1.3.X, EXT-230. What breaks the rules of a bundle ends the bundle.</remarks>
internal sealed class SessionBundles
{
    /// <summary>Bundles of one connection at a time.</summary>
    public const int MaxBundles = 16;

    /// <summary>Memory of all bundles of one connection, in bytes, roughly; some 200,000 flow-mods.</summary>
    public const long MaxCost = 128L << 20;

    private readonly Dictionary<uint, Bundle> _bundles = [];
    private long _cost;

    /// <summary>Opens a bundle.</summary>
    /// <exception cref="OpenFlowErrorException">BundleExist, OutOfBundles, BadFlags.</exception>
    public Bundle Open(uint id, BundleFlags flags)
    {
        if ((flags & ~(BundleFlags.Atomic | BundleFlags.Ordered)) != 0)
        {
            throw BundleCodec.Failed(BundleFailedCode.BadFlags, $"bundle {id}: flags 0x{(ushort)flags:x4}; allowed are ATOMIC (1) and ORDERED (2)");
        }

        if (_bundles.ContainsKey(id))
        {
            Discard(id);
            throw BundleCodec.Failed(BundleFailedCode.BundleExist, $"bundle {id} was open already; it has been discarded");
        }

        if (_bundles.Count >= MaxBundles)
        {
            throw BundleCodec.Failed(BundleFailedCode.OutOfBundles, $"bundle {id}: {MaxBundles} are open on this connection, the most it may have; commit or discard one");
        }

        var bundle = new Bundle(flags);
        _bundles.Add(id, bundle);
        return bundle;
    }

    /// <summary>Adds a message to a bundle; opens the bundle if there is none.</summary>
    /// <exception cref="OpenFlowErrorException">As for <see cref="Open"/>; BundleClosed, MsgTooMany.</exception>
    public void Add(uint id, BundleFlags flags, SessionRequest message)
    {
        var bundle = _bundles.ContainsKey(id) ? Find(id, flags) : Open(id, flags);
        if (bundle.IsClosed)
        {
            Discard(id);
            throw BundleCodec.Failed(BundleFailedCode.BundleClosed, $"bundle {id} is closed and takes no more messages; it has been discarded");
        }

        if (_cost + message.Cost > MaxCost)
        {
            throw BundleCodec.Failed(BundleFailedCode.MsgTooMany, $"bundle {id}: the bundles of this connection hold {MaxCost >> 20} MiB, all they may");
        }

        bundle.Messages.Add(message);
        bundle.Cost += message.Cost;
        _cost += message.Cost;
    }

    /// <summary>Closes a bundle: it takes no more messages.</summary>
    /// <exception cref="OpenFlowErrorException">BadId, BadFlags, BundleClosed.</exception>
    public void Close(uint id, BundleFlags flags)
    {
        var bundle = Find(id, flags);
        if (bundle.IsClosed)
        {
            Discard(id);
            throw BundleCodec.Failed(BundleFailedCode.BundleClosed, $"bundle {id} was closed already; it has been discarded");
        }

        bundle.IsClosed = true;
    }

    /// <summary>Takes a bundle out, to be committed.</summary>
    /// <exception cref="OpenFlowErrorException">BadId, BadFlags.</exception>
    public Bundle Take(uint id, BundleFlags flags)
    {
        var bundle = Find(id, flags);
        Discard(id);
        return bundle;
    }

    /// <summary>Discards a bundle, whatever the flags.</summary>
    /// <exception cref="OpenFlowErrorException">BadId.</exception>
    public void Discard(uint id)
    {
        if (!_bundles.Remove(id, out var bundle))
        {
            throw NoSuchBundle(id);
        }

        _cost -= bundle.Cost;
    }

    /// <summary>The connection is gone.</summary>
    public void Clear()
    {
        _bundles.Clear();
        _cost = 0;
    }

    private Bundle Find(uint id, BundleFlags flags)
    {
        if (!_bundles.TryGetValue(id, out var bundle))
        {
            throw NoSuchBundle(id);
        }

        if (bundle.Flags != flags)
        {
            Discard(id);
            throw BundleCodec.Failed(BundleFailedCode.BadFlags, $"bundle {id} was opened with flags 0x{(ushort)bundle.Flags:x4}, not 0x{(ushort)flags:x4}; it has been discarded");
        }

        return bundle;
    }

    private static OpenFlowErrorException NoSuchBundle(uint id) =>
        BundleCodec.Failed(BundleFailedCode.BadId, $"bundle {id}: this connection has no such bundle");
}
