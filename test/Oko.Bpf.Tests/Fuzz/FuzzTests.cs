using Oko.Bpf.Tests.Verifier;
using Oko.Fuzz;

namespace Oko.Bpf.Tests.Fuzz;

/// <summary>A short run of the fuzzer (<c>test/Oko.Fuzz</c>); <c>OKO_FUZZ_SECONDS</c> and <c>OKO_SEED</c> make it another one.</summary>
public sealed class FuzzTests
{
    [Test]
    public void MutatedObjects_AreRefusedOrRunSafely()
    {
        var result = FuzzRun.Run(new FuzzOptions
        {
            Corpus = Path.Combine(VerdictTests.Repository, "test", "TestData", "bpf"),
            Findings = Path.Combine(TestContext.CurrentContext.WorkDirectory, "fuzz-findings"),
            Duration = TimeSpan.FromSeconds(Number("OKO_FUZZ_SECONDS", 15)),
            Seed = Number("OKO_SEED", Environment.TickCount & 0xFFFF),
        });
        TestContext.Out.WriteLine(result);
        result.Findings.Should().BeEmpty();
        result.Run.Should().BePositive("otherwise nothing was tried");
    }

    private static int Number(string variable, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(variable), out var number) ? number : otherwise;
}
