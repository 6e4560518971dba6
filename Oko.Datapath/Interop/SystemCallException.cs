using System.Runtime.InteropServices;

namespace Oko.Datapath.Interop;

/// <summary>A system call failed while a port was set up; the ports turn it into a text for people.</summary>
internal sealed class SystemCallException : IOException
{
    /// <summary>Makes the exception.</summary>
    /// <param name="call">The call with its main argument, as a person knows it.</param>
    /// <param name="error">The errno.</param>
    internal SystemCallException(string call, int error)
        : base($"{call}: {Errno.Describe(error)}")
    {
        Call = call;
        Error = error;
    }

    /// <summary>The call.</summary>
    internal string Call { get; }

    /// <summary>The errno.</summary>
    internal int Error { get; }

    /// <summary>Throws with the errno of the last call of this thread if <paramref name="result"/> is negative.</summary>
    internal static int Check(int result, string call) =>
        result >= 0 ? result : throw new SystemCallException(call, Marshal.GetLastPInvokeError());

    /// <summary>Throws if <paramref name="result"/> is a negative errno.</summary>
    internal static int CheckValue(int result, string call) =>
        result >= 0 ? result : throw new SystemCallException(call, -result);
}
