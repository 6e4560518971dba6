using System.Diagnostics;
using System.Text;

namespace Oko.System.Tests.Lab;

/// <summary>What a program printed and how it ended.</summary>
public sealed record CommandResult(int ExitCode, string Output, string Errors)
{
    /// <summary>Both streams, for messages.</summary>
    public string All => Output + Errors;
}

/// <summary>Runs the programs a user would run.</summary>
public static class Command
{
    /// <summary>Runs to the end or kills the program after <paramref name="seconds"/>.</summary>
    public static CommandResult Run(int seconds, string program, params string[] arguments) =>
        RunWithInput(seconds, null, program, arguments);

    /// <summary>As <see cref="Run"/>, with text on standard input.</summary>
    public static CommandResult RunWithInput(int seconds, string? input, string program, params string[] arguments)
    {
        using var process = Start(program, arguments, redirectInput: input is not null);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        if (input is not null)
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }

        if (!process.WaitForExit(TimeSpan.FromSeconds(seconds)))
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end within {seconds} s; " +
                $"it printed: {output.Result}{errors.Result}");
        }

        process.WaitForExit();
        return new CommandResult(process.ExitCode, output.Result, errors.Result);
    }

    /// <summary>Runs and fails the test unless the exit code is 0; returns standard output.</summary>
    public static string Check(int seconds, string program, params string[] arguments)
    {
        var result = Run(seconds, program, arguments);
        result.ExitCode.Should().Be(0, "{0} {1} printed: {2}", program, string.Join(' ', arguments), result.All);
        return result.Output;
    }

    /// <summary>Starts a program with both outputs redirected; the caller ends it.</summary>
    public static Process Start(string program, IEnumerable<string> arguments, bool redirectInput = false)
    {
        var info = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = redirectInput,
            StandardOutputEncoding = Encoding.UTF8,
        };
        return Process.Start(info) ?? throw new InvalidOperationException($"{program} did not start.");
    }

    /// <summary>Skips the test, saying why, when a program is not installed.</summary>
    public static void Need(params string[] programs)
    {
        foreach (var program in programs)
        {
            if (Environment.GetEnvironmentVariable("PATH")!.Split(':').Append("/usr/sbin").Append("/sbin")
                .All(folder => !File.Exists(Path.Combine(folder, program))))
            {
                Assert.Ignore($"{program} is not installed (test/run installs it)");
            }
        }
    }
}
