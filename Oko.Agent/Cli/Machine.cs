namespace Oko.Agent.Cli;

/// <summary>What figures were measured on.</summary>
internal static class Machine
{
    private const string ModelKey = "model name";

    /// <summary>Processor, kernel and runtime, on one line.</summary>
    public static string Describe() =>
        $"{Processor()}, {Environment.ProcessorCount} processors, Linux {Environment.OSVersion.Version}, .NET {Environment.Version}";

    private static string Processor()
    {
        try
        {
            var line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith(ModelKey, StringComparison.Ordinal));
            return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? "unknown processor";
        }
        catch (IOException)
        {
            return "unknown processor";
        }
    }
}
