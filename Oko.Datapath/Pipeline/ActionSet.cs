using System.Numerics;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Pipeline;

/// <summary>
/// The action set of the packet in work: at most one action of each kind, and one set-field per field. Worker thread; reused
/// from packet to packet. Source: OpenFlow 1.3.5, 5.10 "Action Set".
/// </summary>
internal sealed class ActionSet
{
    private readonly UInt128[] _values = new UInt128[(int)FlowField.Ipv6ExtHdr + 1];
    private readonly DatapathAction[] _actions = new DatapathAction[(int)ActionKind.Output + 1];
    private ulong _fields;
    private uint _kinds;

    internal bool IsEmpty => _kinds == 0;

    internal void Clear()
    {
        _kinds = 0;
        _fields = 0;
    }

    internal void Write(in DatapathAction action)
    {
        _kinds |= 1u << (int)action.Kind;
        if (action.Kind == ActionKind.SetField)
        {
            _fields |= 1UL << (int)action.Field;
            _values[(int)action.Field] = action.Value;
        }
        else
        {
            _actions[(int)action.Kind] = action;
        }
    }

    /// <summary>Executes in the order of the kinds; with a group there is no output.</summary>
    internal void Execute(PacketPipeline pipeline, ref PacketView packet, ref FlowKey key)
    {
        const uint group = 1u << (int)ActionKind.Group, output = 1u << (int)ActionKind.Output;
        var kinds = (_kinds & group) != 0 ? _kinds & ~output : _kinds;
        for (; kinds != 0; kinds &= kinds - 1)
        {
            var kind = BitOperations.TrailingZeroCount(kinds);
            if (kind != (int)ActionKind.SetField)
            {
                pipeline.Apply(_actions[kind], ref packet, ref key);
                continue;
            }

            for (var left = _fields; left != 0; left &= left - 1)
            {
                var field = BitOperations.TrailingZeroCount(left);
                pipeline.Apply(DatapathAction.SetField((FlowField)field, _values[field]), ref packet, ref key);
            }
        }
    }
}
