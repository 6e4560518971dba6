using System.Collections.Immutable;
using System.Text.Json;

namespace Oko.Agent.Configuration;

/// <summary>
/// Reads the file of <c>--config</c>: a JSON object whose names are those of the options without the dashes in front
/// (<c>"datapath-id"</c>, <c>"port": ["eth1=1", "eth2"]</c>). Comments and trailing commas are allowed. Stateless.
/// </summary>
public static class ConfigurationFile
{
    private const long MaxSizeBytes = 1 << 20;

    private static readonly string[] Names =
    [
        "datapath-id", "controller", "listen", "private-key", "certificate", "ca-cert", "port", "local", "fail-mode", "management", "workers", "cpus", "cpu", "transmit", "ring-size", "busy-poll",
        "filter-admins", "max-filters", "max-map-memory", "max-object-size", "log-level",
    ];

    /// <summary>Reads a file.</summary>
    /// <exception cref="ConfigurationException">The file cannot be read, is not JSON, or holds what no option is called; each fault
    /// with its JSON path.</exception>
    public static AgentSettings Read(string path)
    {
        byte[] content;
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > MaxSizeBytes } file)
            {
                throw new ConfigurationException($"config file {path}: {file.Length} bytes; allowed are {MaxSizeBytes}.");
            }

            content = File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"config file {path}: {exception.Message} Name a readable JSON file with --config.");
        }

        return Parse(content, path);
    }

    /// <summary>Reads the text of a file.</summary>
    /// <param name="content">UTF-8.</param>
    /// <param name="path">Where it came from, for messages.</param>
    /// <exception cref="ConfigurationException">As for <see cref="Read"/>.</exception>
    public static AgentSettings Parse(ReadOnlyMemory<byte> content, string path)
    {
        try
        {
            using var document = JsonDocument.Parse(content,
                new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 8 });
            var faults = new List<string>();
            var settings = ReadRoot(document.RootElement, faults);
            return faults.Count == 0 ? settings : throw new ConfigurationException([.. faults.Select(fault => $"config file {path}: {fault}")]);
        }
        catch (JsonException exception)
        {
            throw new ConfigurationException(
                $"config file {path}: line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}: not JSON. It must hold one object, such as {{ \"port\": [\"eth1=1\"] }}.");
        }
    }

    private static AgentSettings ReadRoot(JsonElement root, List<string> faults)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            faults.Add($"$ is {Describe(root)}; it must be an object, such as {{ \"port\": [\"eth1=1\"] }}.");
            return new AgentSettings();
        }

        var given = new Dictionary<string, ImmutableArray<string>>(StringComparer.Ordinal);
        foreach (var property in root.EnumerateObject())
        {
            if (!Names.Contains(property.Name))
            {
                faults.Add($"$.{property.Name} is not an option; allowed are {string.Join(", ", Names)}.");
            }
            else if (!given.TryAdd(property.Name, ReadValues(property, faults)))
            {
                faults.Add($"$.{property.Name} is given twice; for several values write a list.");
            }
        }

        IReadOnlyList<string> List(string name) => given.GetValueOrDefault(name, []);
        string? Single(string name) => given.GetValueOrDefault(name, []).FirstOrDefault();
        return new AgentSettings
        {
            DatapathId = Single("datapath-id"),
            Controllers = List("controller"),
            Listeners = List("listen"),
            Ports = List("port"),
            Local = Single("local"),
            PrivateKey = Single("private-key"),
            Certificate = Single("certificate"),
            AuthorityCertificates = Single("ca-cert"),
            FailMode = Single("fail-mode"),
            Management = Single("management"),
            Workers = Single("workers"),
            Cpus = Single("cpus") ?? Single("cpu"),
            FilterAdmins = List("filter-admins"),
            Transmit = Single("transmit"),
            RingSize = Single("ring-size"),
            BusyPoll = Single("busy-poll"),
            MaxFilters = Single("max-filters"),
            MaxMapMemory = Single("max-map-memory"),
            MaxObjectSize = Single("max-object-size"),
            LogLevel = Single("log-level"),
        };
    }

    private static ImmutableArray<string> ReadValues(JsonProperty property, List<string> faults)
    {
        var path = "$." + property.Name;
        if (property.Value.ValueKind != JsonValueKind.Array)
        {
            return ReadText(property.Value, path, faults) is { } text ? [text] : [];
        }

        if (property.Name is not ("controller" or "listen" or "port" or "filter-admins"))
        {
            faults.Add($"{path} is a list; this option takes one value.");
            return [];
        }

        return [.. property.Value.EnumerateArray()
            .Select((element, index) => ReadText(element, $"{path}[{index}]", faults)).OfType<string>()];
    }

    private static string? ReadText(JsonElement element, string path, List<string> faults)
    {
        if (element.ValueKind is JsonValueKind.String)
        {
            return element.GetString();
        }

        // A number is taken where there is nothing else: a datapath id without quotes would be read as decimal.
        if (element.ValueKind is JsonValueKind.Number && path is "$.workers" or "$.cpus" or "$.cpu" or "$.ring-size" or "$.busy-poll" or "$.max-filters" or "$.max-map-memory" or "$.max-object-size")
        {
            return element.GetRawText();
        }

        faults.Add($"{path} is {Describe(element)}; it must be a text in quotes, as on the command line.");
        return null;
    }

    private static string Describe(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a text",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };
}
