namespace Oko.OpenFlow.Tests.Text;

/// <summary>One flow of ovs-ofctl-flows.txt: what ovs-ofctl was given, what it sent, what it prints.</summary>
public sealed record OvsOfctlFlow(string Command, bool Strict, string Flow, byte[] Bytes, string? Prints)
{
    public static IEnumerable<OvsOfctlFlow> All()
    {
        var lines = File.ReadAllLines(Path.Combine(TestFiles.Folder, "ovs-ofctl-flows.txt"));
        for (var at = 0; at < lines.Length; at++)
        {
            if (lines[at].Length == 0 || lines[at].StartsWith('#'))
            {
                continue;
            }

            var (command, rest) = (lines[at].Split(' ', 2)[0], lines[at].Split(' ', 2)[1]);
            var strict = rest.StartsWith("--strict ", StringComparison.Ordinal);
            var bytes = Convert.FromHexString(lines[++at]["bytes ".Length..]);
            var prints = at + 1 < lines.Length && lines[at + 1].StartsWith("prints ", StringComparison.Ordinal)
                ? lines[++at]["prints ".Length..]
                : null;
            yield return new OvsOfctlFlow(command, strict, strict ? rest["--strict ".Length..] : rest, bytes, prints);
        }
    }

    public override string ToString() => $"{Command} {(Strict ? "--strict " : string.Empty)}{Flow}";
}
