using System.Text;

namespace Oko.OpenFlow.Tests.Messages;

/// <summary>An annotated message of test/TestData/openflow: hexadecimal bytes, the rest of a line after # is a comment.</summary>
public sealed record HexFixture(string Name, byte[] Bytes)
{
    private static readonly Lazy<HexFixture[]> Loaded = new(
        () => [.. Directory.GetFiles(TestFiles.Folder, "*.hex").Order(StringComparer.Ordinal).Select(Load)]);

    public static IEnumerable<HexFixture> All() => Loaded.Value;

    public static HexFixture Named(string name) => Loaded.Value.Single(fixture => fixture.Name == name);

    public override string ToString() => Name;

    private static HexFixture Load(string path)
    {
        var digits = new StringBuilder();
        foreach (var line in File.ReadLines(path))
        {
            digits.Append(line.Split('#')[0].Replace(" ", string.Empty, StringComparison.Ordinal));
        }

        return new HexFixture(Path.GetFileNameWithoutExtension(path), Convert.FromHexString(digits.ToString()));
    }
}
