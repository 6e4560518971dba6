using System.Diagnostics;
using System.Globalization;
using Oko.Datapath.Benchmark;

namespace Oko.Agent.Benchmark;

/// <summary>The neighbour of a switch under measurement: this program once more, as <c>oko bench neighbour</c>. It ends when its standard
/// input does, thus also when this process is killed. One thread.</summary>
internal sealed class NeighbourProcess : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60), EndLimit = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly Task<string> _errors;

    private NeighbourProcess(Process process)
    {
        _process = process;
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Starts it and waits until its filter is ready.</summary>
    /// <exception cref="ArgumentException">It ended before, or took too long.</exception>
    public static NeighbourProcess Start(NeighbourRegion region, ChainBenchmarkOptions options)
    {
        var start = new ProcessStartInfo { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in Command(start).Concat(["bench", "neighbour", "--memory", region.Path, "--pass", PolicyText(options.Policy), "--cpu", Text(options.NeighbourCpu)]))
        {
            start.ArgumentList.Add(argument);
        }

        if (options.Filter is { } filter)
        {
            start.ArgumentList.Add(filter.Path);
            AddOption("--entry", filter.Entry);
            AddOption("--data", filter.Data);
        }

        var neighbour = new NeighbourProcess(Process.Start(start)!);
        try
        {
            neighbour.WaitUntilReady(region);
            return neighbour;
        }
        catch
        {
            neighbour.Dispose();
            throw;
        }

        void AddOption(string name, string? value)
        {
            if (value is not null)
            {
                start.ArgumentList.Add(name);
                start.ArgumentList.Add(value);
            }
        }
    }

    /// <summary>A policy as the command line has it.</summary>
    public static string PolicyText(NeighbourPolicy policy) => policy == NeighbourPolicy.PassMatch ? "match" : "no-match";

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(EndLimit))
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    /// <summary>The file to start; returns what comes before the arguments.</summary>
    private static IEnumerable<string> Command(ProcessStartInfo start)
    {
        var library = typeof(NeighbourProcess).Assembly.Location;
        var program = Path.Combine(AppContext.BaseDirectory, "oko");
        start.FileName = File.Exists(program) ? program : "dotnet";
        return File.Exists(program) ? [] : [library];
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private void WaitUntilReady(NeighbourRegion region)
    {
        var clock = Stopwatch.StartNew();
        while (region.State == NeighbourState.Absent)
        {
            if (_process.WaitForExit(TimeSpan.FromMilliseconds(2)))
            {
                throw new ArgumentException($"the neighbouring process ended at once: {_errors.Result.Trim()}");
            }

            if (clock.Elapsed > StartLimit)
            {
                throw new ArgumentException($"the neighbouring process was not ready after {StartLimit.TotalSeconds} seconds; is the machine busy?");
            }
        }
    }
}
