using Oko.Datapath.Packet;
using Oko.Datapath.Ports;
using Oko.Datapath.Workers;

namespace Oko.Datapath.Pipeline;

/// <content>Where packets go: ports, controllers, tables again, or the drop counters.</content>
internal sealed unsafe partial class PacketPipeline
{
    private void Output(in DatapathAction action, ref PacketView packet, ref FlowKey key)
    {
        switch (action.Port)
        {
            case ReservedPort.InPort:
                Emit(_ports.Find(packet.InPort), ref packet);
                break;
            case ReservedPort.Controller:
                ToController(action.MaxLength, _entry is not null && _entries.EntryOf(_entry).IsTableMiss ? PacketInKind.NoMatch : PacketInKind.Action, ref packet);
                break;
            case ReservedPort.Flood:
            case ReservedPort.All:
                Flood(ref packet);
                break;
            case ReservedPort.Normal:
                Normal(ref packet, ref key);
                break;
            case ReservedPort.Table when _injecting:
                ToTable(ref packet);
                break;
            default:
                OutputToPort(action.Port, ref packet);
                break;
        }
    }

    private void OutputToPort(uint port, ref PacketView packet)
    {
        if (port == packet.InPort)
        {
            _dropReason = DropReason.OutputToIngress;
            return;
        }

        Emit(_ports.Find(port), ref packet);
    }

    private void Flood(ref PacketView packet)
    {
        // In force only if no port takes the packet.
        _dropReason = DropReason.NoFloodPort;
        foreach (var queue in _ports.All)
        {
            if (queue.Port.Number != packet.InPort && CanSend(queue.Port))
            {
                Emit(queue, ref packet);
            }
        }
    }

    private void Normal(ref PacketView packet, ref FlowKey key)
    {
        const ulong groupBit = 1UL << 40;
        var vlan = (uint)key.Get(FlowField.VlanVid) & 0xFFF;
        var source = (ulong)key.Get(FlowField.EthSrc);
        var destination = (ulong)key.Get(FlowField.EthDst);
        if ((source & groupBit) == 0 && packet.InPort is (> 0 and < 0xFFFFFF00) or ReservedPort.Local)
        {
            _learned.Learn(source, vlan, packet.InPort, _now);
        }

        var port = (destination & groupBit) == 0 ? _learned.Find(destination, vlan, _now) : 0;
        var queue = port == 0 ? null : _ports.Find(port);
        if (queue is null)
        {
            Flood(ref packet);
        }
        else if (port == packet.InPort)
        {
            _dropReason = DropReason.OutputToIngress;
        }
        else
        {
            Emit(queue, ref packet);
        }
    }

    private static bool CanSend(Port port) =>
        (port.ConfigBits & (Port.ConfigDown | Port.ConfigNoForward)) == 0 && (port.StateBits & Port.StateLinkDown) == 0;

    private void Emit(PortQueue? queue, ref PacketView packet)
    {
        if (queue is null || !CanSend(queue.Port))
        {
            _outputs++;
            _drops[(int)(queue is null ? DropReason.NoSuchPort : DropReason.PortDown)]++;
            return;
        }

        SettlePending(ref packet);
        _outputs++;
        _pending = queue.Of(_queue);
    }

    private void ToController(ushort maxLength, PacketInKind kind, ref PacketView packet)
    {
        _outputs++;
        var ingress = _ports.Find(packet.InPort);
        if (ingress is not null && (ingress.Port.ConfigBits & Port.ConfigNoPacketIn) != 0)
        {
            _drops[(int)DropReason.PacketInDisabled]++;
            return;
        }

        if (ControllerMeter?.Measure(_worker, packet.Length, _now) is not null)
        {
            _drops[(int)DropReason.Metered]++;
            return;
        }

        if (_packetIns.TryWrite(packet, Math.Min(packet.Length, maxLength), kind, _table, _entry is null ? NoCookie : _entries.EntryOf(_entry).Cookie))
        {
            _toController++;
        }
        else
        {
            _drops[(int)DropReason.ControllerQueueFull]++;
        }
    }

    private void ToTable(ref PacketView packet)
    {
        _outputs++;
        if (_tableCopyCount == MaxTableCopies || !TryCopy(packet, out var address))
        {
            _drops[(int)DropReason.NoFrame]++;
            return;
        }

        _tableCopies[_tableCopyCount++] = new PacketView
        {
            Data = _umem.Memory + address, Address = address, Length = packet.Length, InPort = packet.InPort,
        };
    }

    /// <summary>The pending output gets a copy, since the packet goes on.</summary>
    private void SettlePending(ref PacketView packet)
    {
        if (_pending is not { } queue)
        {
            return;
        }

        _pending = null;
        if (TryCopy(packet, out var address))
        {
            Enqueue(queue, address, packet.Length);
        }
        else
        {
            _drops[(int)DropReason.NoFrame]++;
        }
    }

    private bool TryCopy(in PacketView packet, out ulong address)
    {
        var offset = _umem.OffsetInFrame(packet.Address);
        if (!_umem.TryAllocate(offset + packet.Length, out address))
        {
            return false;
        }

        // SAFETY: the new frame has room for the packet behind the same offset.
        address += (uint)offset;
        Buffer.MemoryCopy(packet.Data, _umem.Memory + address, packet.Length, packet.Length);
        return true;
    }

    private void Enqueue(PortQueue queue, ulong address, int length)
    {
        if (length > queue.Port.MaxPacketSize)
        {
            queue.Port.AddTooLong();
            _drops[(int)DropReason.TooLong]++;
            _umem.Frames.Free(address);
            return;
        }

        if (queue.IsFull)
        {
            Flush(queue);
        }

        queue.Add(address, length);
    }

    private void Finish(ref PacketView packet)
    {
        if (_outputs == 0)
        {
            Drop(ref packet, _dropReason);
            return;
        }

        _cloned += _outputs - 1;
        EndFrame(ref packet);
    }

    /// <summary>The frame goes to the pending output, or back to the free ones.</summary>
    private void EndFrame(ref PacketView packet)
    {
        if (_pending is { } queue)
        {
            _pending = null;
            Enqueue(queue, packet.Address, packet.Length);
        }
        else
        {
            _umem.Frames.Free(packet.Address);
        }
    }

    private void Drop(ref PacketView packet, DropReason reason)
    {
        _drops[(int)reason]++;
        _umem.Frames.Free(packet.Address);
    }

    private void Flush(PortQueue queue)
    {
        var (sent, dropped) = queue.Flush(_umem.Frames);
        _sent += sent;
        _drops[(int)DropReason.TransmitFull] += dropped;
    }
}
