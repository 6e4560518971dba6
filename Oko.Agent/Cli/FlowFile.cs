using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.OpenFlow.Text;

namespace Oko.Agent.Cli;

/// <summary>Reads files of flow entries, one on a line, as <c>ovs-ofctl add-flows</c> takes them.</summary>
internal static class FlowFile
{
    private const int MaxEntries = 1_000_000;

    /// <summary>Flow-mods that add the entries. Empty lines and lines that begin with <c>#</c> are passed over.</summary>
    /// <exception cref="CliException">The file cannot be read, holds no entry or too many, or a line is wrong.</exception>
    public static IReadOnlyList<FlowMod> Read(string path)
    {
        var entries = new List<FlowMod>();
        var line = 0;
        try
        {
            foreach (var text in File.ReadLines(path))
            {
                line++;
                if (text.TrimStart() is not ['#', ..] and not "")
                {
                    entries.Add(FlowTextParser.ParseFlow(text, FlowModCommand.Add));
                }

                if (entries.Count > MaxEntries)
                {
                    throw new CliException($"{path}: over {MaxEntries} entries.");
                }
            }
        }
        catch (FormatException exception)
        {
            throw new CliException($"{path}, line {line}: {exception.Message}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CliException($"{path}: {exception.Message} Name a file with one flow on a line, as for ovs-ofctl add-flows.", ExitCode.Usage);
        }

        return entries.Count > 0 ? entries : throw new CliException($"{path}: no entries.");
    }
}
