using System.Text;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Text;
using Oko.Bpf.Verifier;

namespace Oko.Bpf.Tests.Verifier;

/// <summary>
/// Programs of up to 64 KiB, made to cost the verifier as much as possible. Whatever the verdict, it comes within 2 s of processor time
/// and takes no more than 256 MiB.
/// </summary>
public sealed class CostTests
{
    private const int Slots = 8000;
    private const long MostBytes = 256L << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(2);

    private static IEnumerable<TestCaseData> Hostile
    {
        get
        {
            yield return Case("branches that each meet at once", text => Repeat(text, Slots / 3, round => $"jeq %r2, {round}, +1\nmov %r3, {round}\nadd %r3, 1"));
            yield return Case("branches that all meet at the end", text =>
            {
                Repeat(text, Slots - 20, round => $"jeq %r2, {round}, out");
                text.Append("out:\n");
            });
            yield return Case("branches that wait for their targets, with a full stack", text =>
            {
                FillStack(text);
                Repeat(text, 3500, round => $"jeq %r2, {round}, t{round}");
                text.Append("mov %r0, 0\nexit\n");
                Repeat(text, 3500, round => $"t{round}:\nadd %r3, {round}");
            });
            yield return Case("nested loops", text => text.Append("mov %r6, 0\na:\nmov %r7, 0\nb:\nmov %r8, 0\nc:\nadd %r8, 1\njlt %r8, 40, c\nadd %r7, 1\njlt %r7, 40, b\nadd %r6, 1\njlt %r6, 40, a\n"));
            yield return Case("a loop around branches, with a full stack", text =>
            {
                FillStack(text);
                text.Append("mov %r6, 0\nloop:\n");
                Repeat(text, 2000, round => $"jeq %r2, {round}, +1\nmov %r3, {round}\nstxdw [%r10-{8 + (round % 60 * 8)}], %r3");
                text.Append("add %r6, 1\njlt %r6, 100, loop\n");
            });
            yield return Case("loops around branches whose sides both go on long", text =>
            {
                FillStack(text);
                text.Append("mov %r6, 0\nloop:\njeq %r2, 9, other\n");
                Repeat(text, 3000, round => $"stdw [%r10-{8 + (round % 60 * 8)}], {round}");
                text.Append("ja meet\nother:\n");
                Repeat(text, 3000, round => $"stdw [%r10-{8 + (round % 60 * 8)}], {round + 1}");
                text.Append("meet:\nadd %r6, 1\njlt %r6, 100, loop\n");
            });
            yield return Case("functions that call functions", text =>
            {
                for (var level = 0; level < 7; level++)
                {
                    Repeat(text, 5, _ => $"call local f{level}");
                    text.Append($"mov %r0, 0\nexit\nf{level}:\n");
                    FillStack(text);
                }

                Repeat(text, 1000, round => $"jeq %r0, {round}, +1\nmov %r3, {round}");
            });
            yield return Case("many names of packet addresses in all frames", text =>
            {
                text.Append("mov %r6, %r1\nmov %r7, %r2\n");
                for (var level = 0; level < 7; level++)
                {
                    Names(text, level);
                    text.Append($"mov %r1, %r6\nmov %r2, %r7\ncall local f{level}\nmov %r0, 0\nexit\nf{level}:\nmov %r6, %r1\nmov %r7, %r2\n");
                }

                Names(text, 7);
                text.Append("mov %r8, 0\nloop:\n");
                Repeat(text, 1000, round => $"jeq %r7, {round}, +1\nmov %r3, {round}");
                text.Append("add %r8, 1\njlt %r8, 100, loop\n");
            });
            yield return Case("many ways through a loop, that meet again and again with other stacks", text =>
            {
                FillStack(text);
                text.Append("mov %r6, 0\nloop:\n");
                Repeat(text, 60, arm => $"jeq %r2, {arm}, arm{arm}");
                text.Append("ja meet\n");
                for (var arm = 0; arm < 60; arm++)
                {
                    text.Append($"arm{arm}:\n");
                    Repeat(text, 55, round => $"stxdw [%r10-{8 + (round * 8)}], %r6\njeq %r3, {round}, meet");
                    text.Append("ja meet\n");
                }

                text.Append("meet:\nadd %r6, 1\njlt %r6, 300, loop\n");
            });
            yield return Case("a callback with a full stack", text =>
            {
                FillStack(text);
                text.Append("mov %r1, 1\nldfunc %r2, each\nmov %r3, %r10\nadd %r3, -512\nmov %r4, 0\ncall 181\nmov %r0, 0\nexit\neach:\nmov %r6, %r2\n");
                Repeat(text, 2600, round => $"ldxdw %r3, [%r6+{round % 64 * 8}]\nadd %r3, 1\nstxdw [%r6+{(round + 1) % 64 * 8}], %r3");
            });
        }
    }

    [TestCaseSource(nameof(Hostile))]
    public void Verify_HostileProgram_EndsSoonAndStaysSmall(Instruction[] program)
    {
        program.Length.Should().BeInRange(10, 8192, "that is 64 KiB");
        var best = TimeSpan.MaxValue;
        string? verdict = null;
        long bytes = 0;
        for (var attempt = 0; attempt < 4 && (attempt == 0 || best > Limit); attempt++)
        {
            using var memory = new MemoryPeak();
            var started = ThreadTime.Now;
            verdict = Verify(program);
            best = ThreadTime.Now - started is var taken && taken < best ? taken : best;
            bytes = memory.Stop();
        }

        TestContext.Out.WriteLine($"{best.TotalMilliseconds:f0} ms, {bytes >> 20} MiB: {verdict}");
        best.Should().BeLessThan(Limit);
        bytes.Should().BeLessThan(MostBytes);
    }

    private static string Verify(Instruction[] program)
    {
        try
        {
            var verified = ProgramVerifier.Verify(new VerifierInput { Name = "hostile", Convention = EntryConvention.Oko, Instructions = program });
            return $"accepted, at most {verified.WorstCaseInstructions} instructions";
        }
        catch (VerificationException exception)
        {
            return exception.Report.Reason;
        }
    }

    private static TestCaseData Case(string name, Action<StringBuilder> write)
    {
        var text = new StringBuilder("mov %r0, 0\nmov %r3, 0\n");
        write(text);
        text.Append("mov %r0, 0\nexit\n");
        return new TestCaseData((object)Assembler.Assemble(text.ToString())).SetArgDisplayNames(name);
    }

    private static void Repeat(StringBuilder text, int times, Func<int, string> line)
    {
        for (var round = 0; round < times; round++)
        {
            text.Append(line(round)).Append('\n');
        }
    }

    private static void FillStack(StringBuilder text) => Repeat(text, 64, slot => $"stdw [%r10-{8 + (slot * 8)}], {slot}");

    // 60 addresses r6 + n, each with another n, behind each of which bytes are proven to exist. r7 is the length.
    private static void Names(StringBuilder text, int level) => Repeat(text, 60, slot =>
        $"jlt %r7, 8, n{level}_{slot}\nldxdw %r3, [%r6+0]\nand %r3, 1023\nmov %r4, %r3\nadd %r4, 20\njgt %r4, %r7, n{level}_{slot}\nmov %r5, %r6\nadd %r5, %r3\nja s{level}_{slot}\n" +
        $"n{level}_{slot}:\nmov %r0, 0\nexit\ns{level}_{slot}:\nstxdw [%r10-{8 + (slot * 8)}], %r5");

    /// <summary>The most managed memory while something runs, looked at every millisecond.</summary>
    private sealed class MemoryPeak : IDisposable
    {
        private readonly long _before = GC.GetTotalMemory(forceFullCollection: true);
        private readonly Thread _watch;
        private volatile bool _ends;
        private long _peak;

        public MemoryPeak()
        {
            _watch = new Thread(() =>
            {
                while (!_ends)
                {
                    _peak = Math.Max(_peak, GC.GetTotalMemory(forceFullCollection: false));
                    Thread.Sleep(1);
                }
            });
            _watch.Start();
        }

        public long Stop()
        {
            _ends = true;
            _watch.Join();
            return Math.Max(0, _peak - _before);
        }

        public void Dispose() => _ends = true;
    }
}
