using System.Buffers.Binary;
using Oko.Testing;

namespace Oko.Agent.Tests.WholePath;

/// <summary>
/// Plays a transcript of <c>test/TestData/transcripts</c> against a switch: sends each message of the controller as it stands and
/// compares each of the switch, in order, byte by byte. The README there says how a transcript is written.
/// </summary>
internal sealed class TranscriptPlayer(SwitchBench bench) : IAsyncDisposable
{
    private const string Folder = "transcripts";

    /// <summary>Connections by letter: A is made by the switch, others by the peer.</summary>
    private readonly Dictionary<char, ControllerSimulator> _peers = [];

    /// <summary>Names of the transcripts that there are.</summary>
    public static IEnumerable<string> All =>
        Directory.GetFiles(Path.Combine(TestData(), Folder), "*.txt").Select(path => Path.GetFileNameWithoutExtension(path)!).Order();

    /// <summary>Plays it to its end; nothing that it does not hold may have come then.</summary>
    public async Task PlayAsync(string name)
    {
        var steps = Steps(File.ReadAllLines(Path.Combine(TestData(), Folder, name + ".txt"))).ToList();
        for (var index = 0; index < steps.Count; index++)
        {
            var (line, verb, text) = steps[index];
            var where = $"{name}.txt, line {line}";
            switch (verb)
            {
                case ['i', 'n', ' ', var port]:
                    bench.Send((uint)(port - '0'), Convert.FromHexString(text));
                    break;
                case ['o', 'u', 't', ' ', var port]:
                    Convert.ToHexStringLower(bench.Expect((uint)(port - '0'))).Should().Be(text, where);
                    break;
                case [var peer, '>']:
                    var segment = text;
                    while (index + 1 < steps.Count && steps[index + 1].Verb == "+")
                    {
                        segment += steps[++index].Text;
                    }

                    await (await PeerAsync(peer)).SendRawAsync(Convert.FromHexString(segment));
                    break;
                case [var peer, '<']:
                    await ExpectAsync(await PeerAsync(peer), text, where);
                    break;
                default:
                    throw new FormatException($"{where}: '{verb}' is no step");
            }
        }

        foreach (var (letter, peer) in _peers)
        {
            peer.PeekReceived().Select(Convert.ToHexStringLower).Should().BeEmpty($"{name}.txt holds no more for {letter}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var peer in _peers.Values)
        {
            await peer.DisposeAsync();
        }
    }

    private static async Task ExpectAsync(ControllerSimulator peer, string expected, string where)
    {
        // A long reply may be in parts; all of them fit the one line that ends in *.
        bool isMore;
        do
        {
            var frame = await peer.ExpectRawAsync(_ => true, what: where);
            var actual = Convert.ToHexStringLower(frame);
            var isOpen = expected.EndsWith('*');
            var length = isOpen ? expected.Length - 1 : Math.Max(actual.Length, expected.Length);
            var masked = string.Concat(actual.Take(length).Select((digit, at) => at < expected.Length && expected[at] == '.' ? '.' : digit));
            masked.Should().Be(isOpen ? expected[..^1] : expected, "{0} says so; the switch sent {1}", where, actual);
            isMore = isOpen && frame[1] == 19 && (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(10)) & 1) != 0;
        }
        while (isMore);
    }

    private static IEnumerable<(int Line, string Verb, string Text)> Steps(string[] lines)
    {
        string? verb = null;
        var (text, start) = (string.Empty, 0);
        for (var index = 0; index <= lines.Length; index++)
        {
            var line = index < lines.Length ? lines[index].Split('#')[0].TrimEnd() : "-";
            if (line.Length == 0 || line.StartsWith("    ", StringComparison.Ordinal))
            {
                text += Hex(line.Split(' '));
                continue;
            }

            if (verb is not null)
            {
                yield return (start, verb, text);
            }

            var words = line.Trim().Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var size = words[0] is "in" or "out" ? 2 : 1;
            (verb, text, start) = (string.Join(' ', words[..size]), Hex(words[size..]), index + 1);
        }
    }

    /// <summary>Words of hexadecimal digits as one; <c>00*20</c> stands for 20 bytes of 0.</summary>
    private static string Hex(string[] words) => string.Concat(words.Select(word => word.Split('*') is [{ Length: > 0 } unit, var count]
        ? string.Concat(Enumerable.Repeat(unit, int.Parse(count)))
        : word));

    private static string TestData()
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!Directory.Exists(Path.Combine(folder!.FullName, "test", "TestData")))
        {
            folder = folder.Parent;
        }

        return Path.Combine(folder.FullName, "test", "TestData");
    }

    private async Task<ControllerSimulator> PeerAsync(char letter)
    {
        if (!_peers.TryGetValue(letter, out var peer))
        {
            peer = letter == 'A' ? await bench.AcceptControllerAsync() : await bench.ConnectSilentlyAsync();
            _peers.Add(letter, peer);
        }

        return peer;
    }
}
