using System.Globalization;

namespace Oko.Fuzz;

/// <summary>The command line; see <c>test/README.md</c>.</summary>
internal static class Program
{
    private const string Usage = """
        usage: Oko.Fuzz [--seconds N] [--seed N] [--threads N] [--corpus DIR] [--findings DIR]
               Oko.Fuzz --reproduce FILE
        Mutates the objects of the corpus (test/TestData/bpf), loads each, runs what is accepted. Exit code 1: something is wrong,
        and the input stands in the folder of findings; running-N.o there is what was running when the process died.
        """;

    private static int Main(string[] arguments)
    {
        var values = new Dictionary<string, string>();
        for (var at = 0; at < arguments.Length; at += 2)
        {
            if (at + 1 == arguments.Length || arguments[at] is not ("--seconds" or "--seed" or "--threads" or "--corpus" or "--findings" or "--reproduce"))
            {
                Console.Error.WriteLine(Usage);
                return 2;
            }

            values[arguments[at]] = arguments[at + 1];
        }

        try
        {
            var options = new FuzzOptions
            {
                Corpus = values.GetValueOrDefault("--corpus", Path.Combine("test", "TestData", "bpf")),
                Findings = values.GetValueOrDefault("--findings", Path.Combine("test", "fuzz-findings")),
                Duration = TimeSpan.FromSeconds(Number(values, "--seconds", 600)),
                Seed = Number(values, "--seed", 1),
                Threads = Math.Clamp(Number(values, "--threads", Environment.ProcessorCount), 1, 64),
            };
            return values.TryGetValue("--reproduce", out var file) ? Reproduce(file, options) : Run(options);
        }
        catch (Exception exception) when (exception is FormatException or OverflowException or ArgumentException or IOException)
        {
            Console.Error.WriteLine(exception.Message);
            return 2;
        }
    }

    private static int Number(Dictionary<string, string> values, string name, int otherwise) =>
        values.TryGetValue(name, out var text) ? int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : otherwise;

    private static int Run(FuzzOptions options)
    {
        Console.WriteLine($"seed {options.Seed}, {options.Duration.TotalSeconds} s, {options.Threads} threads");
        var result = FuzzRun.Run(options);
        foreach (var finding in result.Findings)
        {
            Console.WriteLine(finding);
        }

        Console.WriteLine(result);
        return result.Findings.Count == 0 ? 0 : 1;
    }

    private static int Reproduce(string file, FuzzOptions options)
    {
        var fault = FuzzRun.Reproduce(File.ReadAllBytes(file), options);
        Console.WriteLine(fault ?? "nothing is wrong");
        return fault is null ? 0 : 1;
    }
}
