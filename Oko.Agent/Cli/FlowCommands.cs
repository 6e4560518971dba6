using System.CommandLine;
using Grpc.Core;
using Oko.Agent.Management.V1;
using V1Client = Oko.Agent.Management.V1.Management.ManagementClient;

namespace Oko.Agent.Cli;

/// <summary><c>oko flow list|add|del|mod</c>, in the flow syntax of ovs-ofctl with <c>filter=ID</c>.</summary>
internal static class FlowCommands
{
    public static void AddTo(RootCommand root, CliRoot cli) => root.Subcommands.Add(CliRoot.Make(
        "flow", "Lists and changes flow entries, in the syntax of ovs-ofctl with filter=ID.", List(cli), Add(cli), Delete(cli), Modify(cli)));

    private static Command List(CliRoot cli)
    {
        var match = new Argument<string>("MATCH")
        {
            Description = "Shows only entries that this selects, such as table=0,ip,filter=1.",
            DefaultValueFactory = _ => string.Empty,
        };
        var command = CliRoot.Make("list", "Lists flow entries with their counters.", match);
        cli.SetClientAction(command, async (parsed, client, terminal, format) =>
        {
            var flows = new List<Flow>();
            using var call = client.Api.ListFlows(new ListFlowsRequest { Match = parsed.GetValue(match)! });
            await foreach (var part in call.ResponseStream.ReadAllAsync())
            {
                flows.AddRange(part.Flows_);
            }

            if (format == OutputFormat.Json)
            {
                terminal.WriteJson([.. flows.Select(ToJson)], JsonOutput.Instance.IReadOnlyListFlowJson);
                return;
            }

            foreach (var flow in flows)
            {
                terminal.Output.WriteLine(flow.Text);
            }
        });
        return command;
    }

    private static Command Add(CliRoot cli)
    {
        var flows = FlowArgument("Entries, such as 'priority=100,ip,filter=1,actions=drop'.");
        var command = CliRoot.Make("add", "Adds flow entries; an entry with the same match and priority is replaced.", flows);
        cli.SetClientAction(command, (parsed, client, _, _) => Send(client.Api, FlowCommand.Add, parsed.GetValue(flows)!));
        return command;
    }

    private static Command Delete(CliRoot cli)
    {
        var flows = FlowArgument("What to delete, such as 'table=0,ip' or 'cookie=0x1/-1'; '' deletes all entries of all tables.");
        var strict = StrictOption();
        var command = CliRoot.Make("del", "Deletes flow entries that a match selects.", flows, strict);
        cli.SetClientAction(command, (parsed, client, _, _) => Send(
            client.Api, parsed.GetValue(strict) ? FlowCommand.DeleteStrict : FlowCommand.Delete, parsed.GetValue(flows)!));
        return command;
    }

    private static Command Modify(CliRoot cli)
    {
        var flows = FlowArgument("Match and new actions, such as 'ip,actions=drop'.");
        var strict = StrictOption();
        var command = CliRoot.Make("mod", "Replaces the instructions of flow entries that a match selects.", flows, strict);
        cli.SetClientAction(command, (parsed, client, _, _) => Send(
            client.Api, parsed.GetValue(strict) ? FlowCommand.ModifyStrict : FlowCommand.Modify, parsed.GetValue(flows)!));
        return command;
    }

    private static async Task Send(V1Client api, FlowCommand command, string[] flows) =>
        await api.ModifyFlowsAsync(new ModifyFlowsRequest { Command = command, Flows = { flows } });

    private static Argument<string[]> FlowArgument(string description) => new("FLOW") { Description = description, Arity = ArgumentArity.OneOrMore };

    private static Option<bool> StrictOption() => new("--strict") { Description = "Selects the one entry with exactly this match and priority." };

    private static FlowJson ToJson(Flow flow) => new(
        flow.Table, flow.Priority, $"0x{flow.Cookie:x}", flow.FilterId == 0 ? null : flow.FilterId, flow.Packets, flow.Bytes,
        flow.DurationSeconds, flow.IdleTimeoutSeconds, flow.HardTimeoutSeconds, flow.Match, flow.Actions);
}
