using Oko.Agent.Filters;

namespace Oko.Agent.Cli;

/// <summary>Reads object files named on the command line.</summary>
internal static class ObjectFile
{
    /// <summary>The bytes of a file.</summary>
    /// <exception cref="CliException">It cannot be read, or is larger than any switch takes.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            var limit = new FilterQuotas().MaxObjectBytes;
            using var file = File.OpenRead(path);
            if (file.Length > limit)
            {
                throw new CliException($"{path}: {file.Length} bytes; the limit for an object is {limit}.");
            }

            var content = new byte[file.Length];
            file.ReadExactly(content);
            return content;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new CliException($"{path}: {exception.Message} Name an ELF object, as made by clang -target bpf -O2 -g -c.", ExitCode.Usage);
        }
    }
}
