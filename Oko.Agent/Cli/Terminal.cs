using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace Oko.Agent.Cli;

/// <summary>Where commands write, results to standard output, errors to standard error, and what they read. One thread.</summary>
public sealed class Terminal(TextWriter output, TextWriter errors, bool isOutputRedirected, Stream input)
{
    // Wide enough that no cell is wrapped: what goes to a file or to grep has one line per row.
    private const int UnboundedWidth = 4096;

    /// <summary>The process's own streams.</summary>
    public static Terminal Standard { get; } = new(Console.Out, Console.Error, Console.IsOutputRedirected, Console.OpenStandardInput());

    /// <summary>Results.</summary>
    public TextWriter Output { get; } = output;

    /// <summary>Errors.</summary>
    public TextWriter Errors { get; } = errors;

    /// <summary>What <c>-</c> stands for in place of a file.</summary>
    public Stream Input { get; } = input;

    /// <summary>Writes rows under headings, or a sentence when there are none.</summary>
    /// <param name="headings">One per column; those beginning with <c>&gt;</c> align their column right.</param>
    /// <param name="rows">As many cells as headings.</param>
    /// <param name="nothing">Said instead of an empty table.</param>
    public void WriteTable(IReadOnlyList<string> headings, IReadOnlyCollection<IReadOnlyList<string>> rows, string nothing)
    {
        if (rows.Count == 0)
        {
            Output.WriteLine(nothing);
            return;
        }

        var grid = new Grid();
        foreach (var heading in headings)
        {
            grid.AddColumn(new GridColumn
            {
                Alignment = heading[0] == '>' ? Justify.Right : Justify.Left,
                Padding = new Padding(0, 0, 2, 0),
                NoWrap = isOutputRedirected,
            });
        }

        grid.AddRow([.. headings.Select(heading => new Text(heading.TrimStart('>')))]);
        foreach (var row in rows)
        {
            grid.AddRow([.. row.Select(cell => new Text(cell))]);
        }

        var rendered = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(rendered),
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
        });
        console.Profile.Width = isOutputRedirected ? UnboundedWidth : Math.Max(Console.WindowWidth, 40);
        console.Write(grid);
        foreach (var line in rendered.ToString().TrimEnd().Split('\n'))
        {
            Output.WriteLine(line.TrimEnd());
        }
    }

    /// <summary>Writes one JSON document.</summary>
    public void WriteJson<T>(T value, JsonTypeInfo<T> type) => Output.WriteLine(JsonSerializer.Serialize(value, type));

    /// <summary>Writes an error.</summary>
    public void WriteError(string text) => Errors.WriteLine("oko: " + text);
}
