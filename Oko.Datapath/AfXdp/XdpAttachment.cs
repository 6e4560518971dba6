using Oko.Datapath.Interop;

namespace Oko.Datapath.AfXdp;

/// <summary>
/// An XDP program on a device, held by a BPF link: the kernel takes it off with the last descriptor of the link, so
/// also when the process is killed. Made and closed by the control thread.
/// </summary>
internal sealed class XdpAttachment : IDisposable
{
    private int _link;

    private XdpAttachment(int link, bool isNative)
    {
        _link = link;
        IsNative = isNative;
    }

    /// <summary>Whether the program runs in the driver.</summary>
    internal bool IsNative { get; }

    /// <summary>Attaches a program, in native mode if the driver has it.</summary>
    /// <param name="program">The program.</param>
    /// <param name="link">The device.</param>
    /// <param name="mode">Automatic falls back to generic mode unless the device is taken.</param>
    /// <exception cref="SystemCallException">EBUSY or EEXIST: another program is there.</exception>
    internal static XdpAttachment Attach(RedirectProgram program, LinkInfo link, XdpMode mode)
    {
        if (mode != XdpMode.Generic)
        {
            var native = LinuxBpf.CreateXdpLink(program.Handle, link.Index, LinuxBpf.XdpNative);
            if (native >= 0)
            {
                return new XdpAttachment(native, isNative: true);
            }

            if (mode == XdpMode.Native || -native is Errno.Busy or Errno.Exists or Errno.OperationNotPermitted or Errno.NoDevice)
            {
                throw new SystemCallException("BPF_LINK_CREATE (native XDP)", -native);
            }
        }

        var generic = SystemCallException.CheckValue(
            LinuxBpf.CreateXdpLink(program.Handle, link.Index, LinuxBpf.XdpGeneric), "BPF_LINK_CREATE (generic XDP)");
        return new XdpAttachment(generic, isNative: false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_link >= 0)
        {
            _ = Socket.Close(_link);
            _link = -1;
        }
    }
}
