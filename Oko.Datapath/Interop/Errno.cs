using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary>
/// Error numbers of <c>errno.h</c> as Linux defines them on all architectures .NET runs on. Facts only: usable on any
/// thread.
/// </summary>
public static class Errno
{
    /// <summary><c>EPERM</c>: operation not permitted.</summary>
    public const int OperationNotPermitted = 1;

    /// <summary><c>ENOENT</c>: no such object.</summary>
    public const int NoEntry = 2;

    /// <summary><c>EINTR</c>: interrupted by a signal.</summary>
    public const int Interrupted = 4;

    /// <summary><c>ENXIO</c>: no such device or address; AF_XDP says so when the device went away.</summary>
    public const int NoDeviceOrAddress = 6;

    /// <summary><c>EAGAIN</c>: try again.</summary>
    public const int TryAgain = 11;

    /// <summary><c>ENOMEM</c>: out of memory.</summary>
    public const int OutOfMemory = 12;

    /// <summary><c>EACCES</c>: permission denied.</summary>
    public const int AccessDenied = 13;

    /// <summary><c>EBUSY</c>: the device or queue is in use.</summary>
    public const int Busy = 16;

    /// <summary><c>EEXIST</c>: exists already.</summary>
    public const int Exists = 17;

    /// <summary><c>ENODEV</c>: no such device.</summary>
    public const int NoDevice = 19;

    /// <summary><c>EINVAL</c>: invalid argument.</summary>
    public const int InvalidArgument = 22;

    /// <summary><c>ERANGE</c>: out of range; veth says so when its MTU is too large for the XDP program.</summary>
    public const int OutOfRange = 34;

    /// <summary><c>ENOPROTOOPT</c>: the socket option is unknown to this kernel.</summary>
    public const int NoProtocolOption = 92;

    /// <summary><c>EOPNOTSUPP</c>: not supported by this device or driver.</summary>
    public const int NotSupported = 95;

    /// <summary><c>EAFNOSUPPORT</c>: address family not in this kernel.</summary>
    public const int NoAddressFamily = 97;

    /// <summary><c>ENETDOWN</c>: the interface is down.</summary>
    public const int NetworkDown = 100;

    /// <summary><c>ENOBUFS</c>: no buffer space; AF_XDP says so when RLIMIT_MEMLOCK is too small.</summary>
    public const int NoBufferSpace = 105;

    /// <summary>The C name of an error number with its sentence: <c>EBUSY (Device or resource busy)</c>.</summary>
    /// <param name="error">A positive error number.</param>
    /// <returns>Never empty; unknown numbers come back as <c>errno N</c>.</returns>
    public static string Describe(int error)
    {
        var name = error switch
        {
            OperationNotPermitted => "EPERM",
            NoEntry => "ENOENT",
            Interrupted => "EINTR",
            NoDeviceOrAddress => "ENXIO",
            TryAgain => "EAGAIN",
            OutOfMemory => "ENOMEM",
            AccessDenied => "EACCES",
            Busy => "EBUSY",
            Exists => "EEXIST",
            NoDevice => "ENODEV",
            InvalidArgument => "EINVAL",
            OutOfRange => "ERANGE",
            NoProtocolOption => "ENOPROTOOPT",
            NotSupported => "EOPNOTSUPP",
            NoAddressFamily => "EAFNOSUPPORT",
            NetworkDown => "ENETDOWN",
            NoBufferSpace => "ENOBUFS",
            _ => $"errno {error}",
        };
        return $"{name} ({Marshal.GetPInvokeErrorMessage(error)})";
    }
}
