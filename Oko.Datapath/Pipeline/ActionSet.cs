using Oko.Datapath.Packet;

namespace Oko.Datapath.Pipeline;

/// <summary>
/// The action set of the packet in work: at most one action of each kind, and one set-field per field. Worker thread; reused
/// from packet to packet. Source: OpenFlow 1.3.5, 5.10 "Action Set".
/// </summary>
internal sealed class ActionSet
{
    private readonly UInt128[] _values = new UInt128[(int)FlowField.Ipv6ExtHdr + 1];
    private ulong _fields;
    private bool _pop, _hasOutput;
    private DatapathAction _push, _output, _group;
    private bool _hasPush, _hasGroup;

    internal bool IsEmpty => _fields == 0 && !_pop && !_hasPush && !_hasOutput && !_hasGroup;

    internal void Clear()
    {
        _fields = 0;
        _pop = _hasPush = _hasOutput = _hasGroup = false;
    }

    internal void Write(in DatapathAction action)
    {
        switch (action.Kind)
        {
            case ActionKind.SetField:
                _fields |= 1UL << (int)action.Field;
                _values[(int)action.Field] = action.Value;
                break;
            case ActionKind.PopVlan:
                _pop = true;
                break;
            case ActionKind.PushVlan:
                _push = action;
                _hasPush = true;
                break;
            case ActionKind.Output:
                _output = action;
                _hasOutput = true;
                break;
            case ActionKind.Group:
                _group = action;
                _hasGroup = true;
                break;
        }
    }

    /// <summary>Executes in the order of the specification: pop, push, set, group, or else output.</summary>
    internal void Execute(PacketPipeline pipeline, ref PacketView packet, ref FlowKey key)
    {
        if (_pop)
        {
            pipeline.Apply(DatapathAction.PopVlan(), ref packet, ref key);
        }

        if (_hasPush)
        {
            pipeline.Apply(_push, ref packet, ref key);
        }

        for (var left = _fields; left != 0; left &= left - 1)
        {
            var field = System.Numerics.BitOperations.TrailingZeroCount(left);
            pipeline.Apply(DatapathAction.SetField((FlowField)field, _values[field]), ref packet, ref key);
        }

        if (_hasGroup)
        {
            pipeline.Apply(_group, ref packet, ref key);
        }
        else if (_hasOutput)
        {
            pipeline.Apply(_output, ref packet, ref key);
        }
    }
}
