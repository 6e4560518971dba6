using Oko.Agent.Filters;

namespace Oko.Agent.Cli;

/// <summary>Reads the JSON entries of maps that a command names.</summary>
internal static class EntriesFile
{
    /// <summary>The bytes of a file, or of standard input for <c>-</c>.</summary>
    /// <exception cref="CliException">It cannot be read, or is larger than a request may be.</exception>
    public static byte[] Read(string path, Stream input)
    {
        var limit = new FilterQuotas().MaxObjectBytes;
        try
        {
            using var file = path == "-" ? input : File.OpenRead(path);
            var content = new byte[limit + 1];
            var size = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            return size <= limit
                ? content[..size]
                : throw new CliException($"{path}: more than {limit} bytes, which is the limit for entries that are set together; set them in parts.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CliException($"{path}: {exception.Message} Name a file with entries as 'oko map dump --format json' prints them, or - for standard input.", ExitCode.Usage);
        }
    }
}
