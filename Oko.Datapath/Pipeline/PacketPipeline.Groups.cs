using System.Collections.Immutable;
using Oko.Datapath.Groups;
using Oko.Datapath.Meters;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Pipeline;

// A bucket works on a copy of the packet (OpenFlow 1.3.5, 5.6.1 and 5.11): what it changes the next bucket does not see, nor does an
// action behind the group. Most buckets only name a port, though, and those need no copy of their own: they are executed on the
// packet, whose outputs copy where they must. A bucket that changes bytes gets a frame of its own and ends it like a packet.

/// <content>Groups and meters.</content>
internal sealed unsafe partial class PacketPipeline
{
    private Meter? _controllerMeter;

    /// <summary>The meter that all packets to the controllers pass (OFPM_CONTROLLER), or null.</summary>
    internal Meter? ControllerMeter
    {
        get => Volatile.Read(ref _controllerMeter);
        set => Volatile.Write(ref _controllerMeter, value);
    }

    private void ExecuteGroup(Group group, ref PacketView packet, ref FlowKey key)
    {
        group.Count(_worker, packet.Length);
        var contents = group.Contents;
        switch (contents.Kind)
        {
            case GroupKind.All:
                foreach (var each in contents.Buckets)
                {
                    ExecuteBucket(each, ref packet, ref key);
                }

                return;
            case GroupKind.Select when Select(contents, SelectHash.Of(key, group.Id)) is { } chosen:
                ExecuteBucket(chosen, ref packet, ref key);
                return;
            case GroupKind.Indirect:
                ExecuteBucket(contents.Buckets[0], ref packet, ref key);
                return;
            case GroupKind.FastFailover when FirstLive(contents.Buckets) is { } live:
                ExecuteBucket(live, ref packet, ref key);
                return;
            default:
                _dropReason = DropReason.NoLiveBucket;
                return;
        }
    }

    /// <summary>The bucket of a flow. If it is not live its flows are shared out among those that are; the others keep theirs.</summary>
    private Bucket? Select(GroupContents contents, ulong hash)
    {
        var first = Pick(contents.Buckets, contents.TotalWeight, hash, onlyLive: false);
        if (first is null || IsLive(first))
        {
            return first;
        }

        ulong liveWeight = 0;
        foreach (var bucket in contents.Buckets)
        {
            liveWeight += IsLive(bucket) ? bucket.Weight : 0UL;
        }

        return Pick(contents.Buckets, liveWeight, SelectHash.Again(hash), onlyLive: true);
    }

    private Bucket? Pick(ImmutableArray<Bucket> buckets, ulong totalWeight, ulong hash, bool onlyLive)
    {
        if (totalWeight == 0)
        {
            return null;
        }

        // The hash, as a fraction of 2^64, of the total weight.
        var point = Math.BigMul(hash, totalWeight, out _);
        foreach (var bucket in buckets)
        {
            if (onlyLive && !IsLive(bucket))
            {
                continue;
            }

            if (point < bucket.Weight)
            {
                return bucket;
            }

            point -= bucket.Weight;
        }

        // A port changed its state meanwhile.
        return null;
    }

    private Bucket? FirstLive(ImmutableArray<Bucket> buckets)
    {
        foreach (var bucket in buckets)
        {
            if (IsLive(bucket))
            {
                return bucket;
            }
        }

        return null;
    }

    /// <summary>A bucket that watches nothing is always live.</summary>
    private bool IsLive(Bucket bucket)
    {
        if (bucket.WatchPort == 0 && bucket.WatchGroup is null)
        {
            return true;
        }

        return (bucket.WatchPort != 0 && _ports.Find(bucket.WatchPort) is { } queue && CanSend(queue.Port))
            || (bucket.WatchGroup is { } group && FirstLive(group.Contents.Buckets) is not null);
    }

    private void ExecuteBucket(Bucket bucket, ref PacketView packet, ref FlowKey key)
    {
        bucket.Count(_worker, packet.Length);
        var queue = _queue;
        if (bucket.KeepsPacket)
        {
            ApplyAll(bucket.Actions, ref packet, ref key);
        }
        else if (TryCopy(packet, out var address))
        {
            ExecuteOnCopy(bucket.Actions, packet, address, key);
        }
        else
        {
            _outputs++;
            _drops[(int)DropReason.NoFrame]++;
        }

        _queue = queue;
    }

    private void ExecuteOnCopy(ImmutableArray<DatapathAction> actions, in PacketView packet, ulong address, FlowKey key)
    {
        // The packet behind waits in its place: its pending output, its verdicts and its luck are not the copy's.
        var (pending, serial, outputs) = (_pending, _serial, _outputs);
        _pending = null;
        var copy = packet;
        // SAFETY: the copy lies at the same offset of a frame of its own, so every offset of the view holds there, too.
        copy.Data = _umem.Memory + address;
        copy.Address = address;
        ApplyAll(actions, ref copy, ref key);
        if (_hasFailed && _outputs == outputs)
        {
            _outputs++;
            _drops[(int)_dropReason]++;
        }

        _hasFailed = false;

        EndFrame(ref copy);
        (_pending, _serial) = (pending, serial);
    }

    private void ApplyAll(ImmutableArray<DatapathAction> actions, ref PacketView packet, ref FlowKey key)
    {
        foreach (ref readonly var action in actions.AsSpan())
        {
            Apply(action, ref packet, ref key);
        }
    }

    /// <summary>Passes the packet through a meter; one that it drops has failed.</summary>
    private void Measure(Meter meter, ref PacketView packet, ref FlowKey key)
    {
        if (meter.Measure(_worker, packet.Length, _now) is not { } band)
        {
            return;
        }

        if (band.Kind == MeterBandKind.Drop)
        {
            Fail(DropReason.Metered);
        }
        else if (packet.L3Offset >= 0 && packet.EthType is EtherTypeIpv4 or EtherTypeIpv6)
        {
            var raised = DropPrecedence.Raise((byte)key.Get(FlowField.IpDscp), band.PrecedenceLevel);
            Apply(DatapathAction.SetField(FlowField.IpDscp, raised), ref packet, ref key);
        }
    }
}
