using System.CommandLine;
using System.CommandLine.Parsing;
using Oko.Agent.Configuration;

namespace Oko.Agent.Cli;

/// <summary>The command line: all commands, the options they share, and how errors end them. One thread.</summary>
public sealed class CliRoot
{
    private readonly Terminal _terminal;
    private readonly RootCommand _root = new("OkoSwitch: an OpenFlow 1.3 switch whose flow entries can name BPF filters.");

    /// <summary>Builds the commands.</summary>
    public CliRoot(Terminal terminal)
    {
        _terminal = terminal;
        RunCommand.AddTo(_root, this);
    }

    /// <summary>Parses and runs.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        // '@file' is not special: flows and map keys are taken as they stand.
        var result = _root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Errors.Count > 0)
        {
            foreach (var error in result.Errors.Select(error => error.Message).Distinct())
            {
                _terminal.WriteError(error);
            }

            _terminal.WriteError($"'{CommandPath(result.CommandResult)} --help' shows what is allowed.");
            return ExitCode.Usage;
        }

        return await result.InvokeAsync(new InvocationConfiguration
        {
            Output = _terminal.Output,
            Error = _terminal.Errors,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        });
    }

    /// <summary>Makes a command whose errors become one text on standard error.</summary>
    internal static Command Make(string name, string description, params Symbol[] symbols)
    {
        var command = new Command(name, description);
        foreach (var symbol in symbols)
        {
            switch (symbol)
            {
                case Option option:
                    command.Options.Add(option);
                    break;
                case Argument argument:
                    command.Arguments.Add(argument);
                    break;
                case Command child:
                    command.Subcommands.Add(child);
                    break;
            }
        }

        return command;
    }

    /// <summary>Gives a command work that reads no shared option.</summary>
    internal void SetPlainAction(Command command, Func<ParseResult, Terminal, Task<int>> action) =>
        command.SetAction((parsed, _) => Guard(() => action(parsed, _terminal)));

    private static string CommandPath(CommandResult command)
    {
        var names = new List<string>();
        for (SymbolResult? result = command; result is CommandResult inner; result = result.Parent)
        {
            names.Insert(0, result.Parent is null ? "oko" : inner.Command.Name);
        }

        return string.Join(' ', names);
    }

    private async Task<int> Guard(Func<Task<int>> action)
    {
        try
        {
            return await action();
        }
        catch (CliException exception)
        {
            _terminal.WriteError(exception.Message);
            return exception.ExitCode;
        }
        catch (ConfigurationException exception)
        {
            foreach (var fault in exception.Faults)
            {
                _terminal.WriteError(fault);
            }

            return ExitCode.Failure;
        }
    }
}
