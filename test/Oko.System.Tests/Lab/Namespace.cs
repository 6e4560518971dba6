using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Oko.System.Tests.Lab;

/// <summary>Runs code of the test itself inside a network namespace, on a thread that ends afterwards.</summary>
public static partial class Namespace
{
    private const int NetworkNamespace = 0x40000000;

    /// <summary>Runs to the end and throws what it threw.</summary>
    public static void Run(string space, Action action)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var file = File.OpenHandle("/run/netns/" + space);
                if (SetNamespace((int)file.DangerousGetHandle(), NetworkNamespace) != 0)
                {
                    throw new InvalidOperationException($"setns: errno {Marshal.GetLastPInvokeError()}");
                }

                action();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(int handle, int kind);
}
