using System.CommandLine;
using System.CommandLine.Parsing;

namespace Oko.Agent.Cli;

/// <summary>Options of <c>oko bench</c> that are numbers within bounds.</summary>
internal static class BenchNumbers
{
    /// <summary>An option with a default.</summary>
    public static Option<long> Option(string name, string description, long least, long most, long value)
    {
        var option = new Option<long>(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => value };
        option.Validators.Add(result => Check(result, result.GetValueOrDefault<long>() is var number && number >= least && number <= most, $"{least} to {most}"));
        return option;
    }

    /// <summary>Refuses a value, and says which are allowed.</summary>
    public static void Check(OptionResult result, bool isAllowed, string allowed)
    {
        if (!isAllowed)
        {
            result.AddError($"{result.Option.Name} {result.Tokens[0].Value}: allowed are {allowed}.");
        }
    }
}
