using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Grpc.Core;
using Oko.Agent.Configuration;
using Oko.Agent.Management;

namespace Oko.Agent.Cli;

/// <summary>The command line: all commands, the options they share, and how errors end them. One thread.</summary>
public sealed class CliRoot
{
    private readonly Terminal _terminal;
    private readonly RootCommand _root = new("OkoSwitch: an OpenFlow 1.3 switch whose flow entries can name BPF filters.");

    private readonly Option<string> _management = new("--management")
    {
        Description = "Path of the management socket.",
        HelpName = "PATH",
        DefaultValueFactory = _ => AgentOptions.DefaultManagementPath,
    };

    private readonly Option<OutputFormat> _format = new("--format")
    {
        Description = "table for people, json for programs [default: table].",
        HelpName = "table|json",
        CustomParser = ParseFormat,
    };

    /// <summary>Builds the commands.</summary>
    public CliRoot(Terminal terminal)
    {
        _terminal = terminal;
        RunCommand.AddTo(_root, this);
        FilterCommands.AddTo(_root, this);
        MapCommands.AddTo(_root, this);
        FlowCommands.AddTo(_root, this);
        PortCommands.AddTo(_root, this);
        StatsCommand.AddTo(_root, this);
        BenchCommands.AddTo(_root, this);
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

    /// <summary>Gives a command work that runs in this process.</summary>
    internal void SetLocalAction(Command command, Func<ParseResult, Terminal, OutputFormat, Task<int>> action)
    {
        command.Options.Add(_format);
        command.SetAction((parsed, _) => Guard(() => action(parsed, _terminal, parsed.GetValue(_format))));
    }

    /// <summary>Gives a command work that asks the running switch.</summary>
    internal void SetClientAction(Command command, Func<ParseResult, ManagementClient, Terminal, OutputFormat, Task> action)
    {
        command.Options.Add(_format);
        command.Options.Add(_management);
        command.SetAction((parsed, _) => Guard(async () =>
        {
            var path = parsed.GetValue(_management)!;
            if (AgentOptionsValidator.FindSocketPathFault(path) is { } fault)
            {
                throw new CliException($"--management {path}: {fault}", ExitCode.Usage);
            }

            path = Path.GetFullPath(path);
            using var client = ManagementClient.Connect(path);
            try
            {
                await action(parsed, client, _terminal, parsed.GetValue(_format));
                return ExitCode.Success;
            }
            catch (RpcException exception)
            {
                throw new CliException(ManagementClient.Describe(exception, path));
            }
        }));
    }

    /// <summary>Gives a command work that reads no shared option.</summary>
    internal void SetPlainAction(Command command, Func<ParseResult, Terminal, Task<int>> action) =>
        command.SetAction((parsed, _) => Guard(() => action(parsed, _terminal)));

    /// <summary>An argument that is a filter id.</summary>
    internal static Argument<uint> FilterIdArgument() => new("ID")
    {
        Description = "Filter id, 1 to 4294967294.",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (uint.TryParse(text, out var id) && id is not (0 or uint.MaxValue))
            {
                return id;
            }

            result.AddError($"'{text}' is not a filter id; allowed are 1 to {uint.MaxValue - 1}.");
            return 0;
        },
    };

    /// <summary>An option that ends a command after a number of things.</summary>
    internal static Option<int?> CountOption(string things) => new("--count")
    {
        Description = $"Ends after so many {things}.",
        HelpName = "N",
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0)
            {
                return count;
            }

            result.AddError($"--count {text}: allowed are 1 to {int.MaxValue}.");
            return null;
        },
    };

    private static OutputFormat ParseFormat(ArgumentResult result)
    {
        switch (result.Tokens[0].Value)
        {
            case "table":
                return OutputFormat.Table;
            case "json":
                return OutputFormat.Json;
            default:
                result.AddError($"--format {result.Tokens[0].Value}: allowed are table and json.");
                return OutputFormat.Table;
        }
    }

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
