using Oko.Agent.Configuration;
using Oko.Agent.Observability;
using Oko.Agent.Rules;
using Oko.Datapath.Interop;
using Oko.Datapath.Ports;

namespace Oko.Agent.Ports;

/// <summary>
/// The ports the switch was given: opens them, closes the port of an interface that goes away and opens it again when the interface
/// comes back. Belongs to the control thread; before it starts, to the one thread that sets the switch up.
/// </summary>
/// <remarks>A port keeps its number and its OFPPC_* bits while its interface is away. A new interface of the same name is the
/// same port to controllers, as with a card that is pulled out and put back.</remarks>
public sealed class SwitchPorts
{
    private readonly RuleManager _rules;
    private readonly Oko.Datapath.Workers.Datapath _datapath;
    private readonly Func<PortOptions, Port> _open;
    private readonly ILogger _log;
    private readonly List<Entry> _entries = [];

    /// <summary>Makes an empty set.</summary>
    /// <param name="rules">The control thread.</param>
    /// <param name="datapath">Gets the ports.</param>
    /// <param name="open">Opens a port; throws <see cref="PortOpenException"/>.</param>
    /// <param name="log">Takes what happens to ports.</param>
    public SwitchPorts(RuleManager rules, Oko.Datapath.Workers.Datapath datapath, Func<PortOptions, Port> open, ILogger<SwitchPorts> log)
    {
        _rules = rules;
        _datapath = datapath;
        _open = open;
        _log = log;
    }

    /// <summary>A port came, went or changed; raised on the control thread.</summary>
    public event Action<PortChange>? Changed;

    /// <summary>All ports the switch was given, with the port that is open now, or null while the interface is away.</summary>
    public IReadOnlyList<(PortOptions Options, Port? Port)> All => [.. _entries.Select(entry => (entry.Options, entry.Port))];

    /// <summary>The ports that are open now.</summary>
    public IEnumerable<Port> Opened => _entries.Select(entry => entry.Port).OfType<Port>();

    /// <summary>The open port with a number, or null.</summary>
    public Port? Find(uint number) => _entries.Find(entry => entry.Options.Number == number)?.Port;

    /// <summary>Opens a port at the start.</summary>
    /// <exception cref="PortOpenException">It cannot be opened.</exception>
    public Port Open(PortOptions options)
    {
        var port = _open(options);
        _datapath.AddPort(port);
        _entries.Add(new Entry(options) { Port = port });
        LogMessages.PortOpened(_log, port.Number, port.Name, port.HardwareAddress.ToString(), port.ModeText);
        return port;
    }

    /// <summary>Says in one line which ports hand over packets with unfinished checksums, if any do.</summary>
    public void ReportPartialChecksums()
    {
        var names = string.Join(", ", Opened.Where(port => port.MayCarryPartialChecksums).Select(port => port.Name));
        if (names.Length > 0)
        {
            LogMessages.PartialChecksums(_log, names);
        }
    }

    /// <summary>Any thread: an interface came, went or changed.</summary>
    public void OnLinkEvent(LinkEvent change) => _rules.Post(() => Apply(change));

    /// <summary>Tells the subscribers that the configuration of a port changed (port-mod). Control thread.</summary>
    public void ReportModified(Port port) => Changed?.Invoke(new PortChange(PortChangeKind.Modified, port));

    private void Apply(LinkEvent change)
    {
        if (_entries.Find(entry => entry.Options.InterfaceName == change.Link.Name) is not { } entry)
        {
            return;
        }

        // The device of the port is not always the one that the event is about: events come late, and a device that took the
        // name of another may already be open.
        var isOfAnother = entry.Port is DevicePort open && open.InterfaceIndex != change.Link.Index;
        switch (change.Kind)
        {
            case LinkEventKind.Removed when !isOfAnother:
                Close(entry);
                if (entry.Options.IsLocal)
                {
                    // The switch's own device: nobody else would make it again.
                    Reopen(entry);
                }

                break;
            case LinkEventKind.Removed:
                break;
            case LinkEventKind.Added when isOfAnother:
                Close(entry);
                Reopen(entry);
                break;
            default:
                if (entry.Port is null)
                {
                    Reopen(entry);
                }
                else
                {
                    UpdateLink(entry.Port, change.Link);
                }

                break;
        }
    }

    private void Close(Entry entry)
    {
        if (entry.Port is not { } port)
        {
            return;
        }

        entry.ConfigBits = port.ConfigBits;
        entry.Port = null;
        (port as DevicePort)?.ApplyRemoval();
        _datapath.RemovePort(port.Number);
        port.Dispose();
        LogMessages.PortRemoved(_log, port.Number, port.Name);
        Changed?.Invoke(new PortChange(PortChangeKind.Removed, port));
    }

    private void Reopen(Entry entry)
    {
        Port port;
        try
        {
            port = _open(entry.Options);
        }
        catch (PortOpenException exception)
        {
            // Tried again whenever the interface changes; said once per reason.
            if (entry.LastFailure != exception.Message)
            {
                entry.LastFailure = exception.Message;
                LogMessages.PortReopenFailed(_log, entry.Options.Number, entry.Options.InterfaceName, exception.Message);
            }

            return;
        }

        entry.LastFailure = null;
        port.ConfigBits = entry.ConfigBits;
        entry.Port = port;
        _datapath.AddPort(port);
        LogMessages.PortReopened(_log, port.Number, port.Name, port.ModeText);
        Changed?.Invoke(new PortChange(PortChangeKind.Added, port));
    }

    private void UpdateLink(Port port, LinkInfo link)
    {
        if (port is DevicePort device && device.ApplyLink(link))
        {
            LogMessages.PortLinkChanged(_log, port.Number, port.Name, (port.StateBits & Port.StateLinkDown) == 0 ? "up" : "down");
            Changed?.Invoke(new PortChange(PortChangeKind.Modified, port));
        }
    }

    private sealed class Entry(PortOptions options)
    {
        public readonly PortOptions Options = options;
        public Port? Port;
        public uint ConfigBits;
        public string? LastFailure;
    }
}
