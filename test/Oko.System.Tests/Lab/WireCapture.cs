using System.Diagnostics;

namespace Oko.System.Tests.Lab;

/// <summary>Everything that crosses the loopback device of a namespace, OpenFlow among it, as a capture file in the folder that
/// <c>OKO_CAPTURES</c> names. <c>test/run</c> sets it, and has <c>test/conformance/check-captures</c> read the files afterwards.</summary>
public sealed class WireCapture : IDisposable
{
    private static int _number;

    private readonly Process _process;

    private WireCapture(string folder, string space)
    {
        var file = Path.Combine(folder, $"{space}-{Interlocked.Increment(ref _number)}.pcap");
        // -U: each packet is in the file at once; root writes into a folder of root.
        _process = Command.Start("ip", ["netns", "exec", space, "tcpdump", "-i", "lo", "-n", "-U", "-Z", "root", "-B", "16384", "-w", file, "tcp"]);
        while (_process.StandardError.ReadLine() is { } line)
        {
            if (line.Contains("listening on", StringComparison.Ordinal))
            {
                return;
            }
        }

        throw new InvalidOperationException($"tcpdump did not start in {space}");
    }

    /// <summary>Starts a capture if one is wanted.</summary>
    public static WireCapture? Start(string space) =>
        Environment.GetEnvironmentVariable("OKO_CAPTURES") is { Length: > 0 } folder ? new WireCapture(folder, space) : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        Command.Run(5, "kill", "-INT", _process.Id.ToString());
        _process.WaitForExit();
        _process.Dispose();
    }
}
