using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Filters;
using Oko.Agent.Tests.Rules;
using Oko.Bpf.Loading;
using Oko.OpenFlow.OkoExtension;
using static Oko.Agent.Tests.Rules.RuleBench;

namespace Oko.Agent.Tests.Filters;

public sealed class FilterStoreTests
{
    private static readonly byte[] Key = [1, 0, 0, 0], Value = [9, 0, 0, 0, 0, 0, 0, 0];

    private RuleBench _bench = null!;
    private FilterStore _store = null!;

    [SetUp]
    public void SetUp()
    {
        _bench = new RuleBench();
        _store = MakeStore(new FilterQuotas { MaxFilters = 3, MaxObjectBytes = 1000, MaxMapBytes = 250_000 });
    }

    [TearDown]
    public void TearDown()
    {
        _bench.Dispose();
        _store.Dispose();
    }

    [Test]
    public void Install_First_IsListedWithGenerationOne()
    {
        var result = Install(7, "1 a:hash:16");

        result.Should().BeEquivalentTo(new { FilterId = 7u, Generation = 1u, Instructions = 2, WorstCaseInstructions = 2, MapCount = 1, MapsKept = 0 });
        var info = List().Should().ContainSingle().Subject;
        info.Should().BeEquivalentTo(new { FilterId = 7u, Name = "returns_1", Generation = 1u, References = 0, Runs = 0L });
        info.Sha256.Should().HaveCount(32);
        info.Maps.Should().ContainSingle().Which.Spec.Name.Should().Be("a");
    }

    [Test]
    public void Install_NameGiven_IsShown()
    {
        Run(() => _store.InstallAsync(7, TextObject.Bytes("1"), "door", null, FilterInstallFlags.None)).Result.GetAwaiter().GetResult();

        List()[0].Name.Should().Be("door");
    }

    [Test]
    public void Install_IdInUse_IsRefusedUnlessReplaced()
    {
        Install(1, "1");

        Refused(1, "0").Type.Should().Be(OkoErrorType.FilterExists);
        Install(1, "0", FilterInstallFlags.Replace).Generation.Should().Be(2);
    }

    [Test]
    public void Install_ReplaceOfNothing_IsAFirstLoad() => Install(1, "1", FilterInstallFlags.Replace).Generation.Should().Be(1);

    [Test]
    public void Install_Replaced_ChangesTheVerdictOfEntriesAndKeepsThemAndTheirCounters()
    {
        Install(1, "1");
        _bench.Do(Add(5, Filtered(1), Output(2)));
        _bench.Do(Add(1, Match(), Output(3)));
        _bench.Forward(1, 2);

        Install(1, "0", FilterInstallFlags.Replace);
        _bench.Forward(1, 3);

        _bench.Stats().Select(entry => entry.PacketCount).Should().Equal(1, 1);
        List()[0].Should().BeEquivalentTo(new { References = 1, Runs = 2L, Matches = 1L });
    }

    [Test]
    public void Install_KeepMaps_KeepsEqualOnesAndSaysWhich()
    {
        Install(1, "1 a:hash:16 b:hash:16");
        Run(() => _store.GetMap(1, 0).Update(Key, Value, 0)).Result.Should().Be(0);
        Run(() => _store.GetMap(1, 1).Update(Key, Value, 0)).Result.Should().Be(0);

        var result = Install(1, "1 a:hash:16 b:hash:32", FilterInstallFlags.Replace | FilterInstallFlags.KeepMaps);

        result.MapsKept.Should().Be(1);
        result.Text.Should().Be("map a: content kept\nmap b: starts empty");
        Run(() => (_store.GetMap(1, 0).Count, _store.GetMap(1, 1).Count)).Result.Should().Be((1, 0));
    }

    [Test]
    public void Install_ReplaceWithoutKeepMaps_StartsEmpty()
    {
        Install(1, "1 a:hash:16");
        Run(() => _store.GetMap(1, 0).Update(Key, Value, 0)).Wait();

        Install(1, "1 a:hash:16", FilterInstallFlags.Replace).MapsKept.Should().Be(0);
        Run(() => _store.GetMap(1, 0).Count).Result.Should().Be(0);
    }

    [Test]
    public void Install_RefusedReplacement_LeavesTheOldOneInForce()
    {
        Install(1, "1");
        _bench.Do(Add(5, Filtered(1), Output(2)));

        var error = Refused(1, "refuse reads past the packet", FilterInstallFlags.Replace);

        error.Should().Be(new OkoError(OkoErrorType.ProgramRefused, 1, 7, OkoVerdict.Unsafe, "reads past the packet"));
        List()[0].Generation.Should().Be(1);
        _bench.Forward(1, 2);
    }

    [Test]
    public void Install_DryRun_InstallsNothingAndIsGenerationZero()
    {
        Install(1, "1");
        var result = Install(1, "1 a:hash:16", FilterInstallFlags.DryRun);

        result.Should().BeEquivalentTo(new { Generation = 0u, MapCount = 1 });
        List().Should().ContainSingle().Which.Maps.Should().BeEmpty();
        Refused(2, "refuse it", FilterInstallFlags.DryRun).Type.Should().Be(OkoErrorType.ProgramRefused);
    }

    [Test]
    public void Install_BeyondQuotas_NamesTheLimit()
    {
        Refused(1, "1 a:hash:65536").Should().Match<OkoError>(error => error.Type == OkoErrorType.Quota && error.Text.Contains("250000"));
        Refused(1, new string('1', 1001)).Should().Match<OkoError>(error => error.Type == OkoErrorType.Quota && error.Text.Contains("1000"));
        Install(1, "1");
        Install(2, "1");
        Install(3, "1");
        Refused(4, "1").Should().Match<OkoError>(error => error.Type == OkoErrorType.Quota && error.Text.Contains("3 filters"));
        Install(3, "0", FilterInstallFlags.Replace).Generation.Should().Be(2, "a replacement is no filter more");
    }

    [Test]
    public void Install_MapMemory_IsGivenBackByUnloadAndReplace()
    {
        const string Large = "1 a:hash:1024";
        Install(1, Large);
        var bytes = Run(() => _store.MapBytes).Result;
        bytes.Should().BeGreaterThan(1024 * 12);
        _store.Quotas.MaxMapBytes.Should().BeLessThan(3 * bytes);
        Refused(2, "1 a:hash:2048").Type.Should().Be(OkoErrorType.Quota);
        Install(1, "1 b:hash:1024", FilterInstallFlags.Replace);
        Unload(1);
        Install(2, Large);
        Run(() => _store.MapBytes).Result.Should().Be(bytes);
    }

    [TestCase(0u)]
    [TestCase(uint.MaxValue)]
    public void Install_ReservedId_IsRefused(uint id) => Refused(id, "1").Text.Should().Contain("allowed are 1 to 4294967294");

    [Test]
    public void Install_ManyWaiting_AreRefusedNotStored()
    {
        using var release = new ManualResetEventSlim();
        using var slow = MakeStore(new FilterQuotas { MaxWaiting = 2 }, (id, elf, entry) =>
        {
            release.Wait();
            return TextObject.Verify(id, elf, entry);
        });
        var tasks = Enumerable.Range(1, 8).Select(id => Run(() => slow.InstallAsync((uint)id, TextObject.Bytes("1"), null, null, 0)).Result).ToList();
        release.Set();

        Task.WhenAny(Task.WhenAll(tasks)).Wait();
        var refused = tasks.Where(task => task.IsFaulted).Select(task => task.Exception!.InnerException).ToList();

        // One may be with the verifier already, two wait.
        refused.Should().HaveCountGreaterThanOrEqualTo(5);
        refused.Should().AllBeOfType<OkoErrorException>().And.OnlyContain(error => ((OkoErrorException)error!).Error.Type == OkoErrorType.Quota);
    }

    [Test]
    public void Install_VerifierAtWork_DoesNotHoldTheControlThread()
    {
        using var release = new ManualResetEventSlim();
        using var slow = MakeStore(new FilterQuotas(), (id, elf, entry) =>
        {
            release.Wait();
            return TextObject.Verify(id, elf, entry);
        });
        var installing = Run(() => slow.InstallAsync(1, TextObject.Bytes("1"), null, null, 0)).Result;

        Run(() => 1).Wait(TimeSpan.FromSeconds(5)).Should().BeTrue();
        installing.IsCompleted.Should().BeFalse();
        release.Set();
        installing.Wait(TimeSpan.FromSeconds(5)).Should().BeTrue();
    }

    [Test]
    public void Unload_InUse_IsRefusedUnlessForced()
    {
        Install(1, "1");
        _bench.Do(Add(5, Filtered(1), Output(2)));

        var act = () => Unload(1);
        act.Should().Throw<OkoErrorException>().Which.Error.Should().Match<OkoError>(error =>
            error.Type == OkoErrorType.FilterInUse && error.Text.Contains("1 flow entry"));
        Unload(1, force: true);
        _bench.Dump().Should().BeEmpty();
        List().Should().BeEmpty();
    }

    [Test]
    public void Unload_ThenLoad_StartsWithGenerationOneAgain()
    {
        Install(1, "1");
        Install(1, "1", FilterInstallFlags.Replace);
        Unload(1);

        Install(1, "1").Generation.Should().Be(1);
    }

    [Test]
    public void Lookups_OfWhatIsNotThere_SayWhatIs()
    {
        Install(1, "1 a:hash:16 b:array:4");

        Error(() => Unload(9)).Should().Match<OkoError>(error => error.Type == OkoErrorType.FilterUnknown && error.Text.Contains("loaded are 1"));
        Error(() => Run(() => _store.GetMap(1, 2)).GetAwaiter().GetResult()).Should().Match<OkoError>(error =>
            error.Type == OkoErrorType.MapUnknown && error.Text.Contains("0: a, 1: b"));
        Error(() => Run(() => _store.FindMap(1, "c")).GetAwaiter().GetResult()).Type.Should().Be(OkoErrorType.MapUnknown);
        Run(() => (_store.FindMap(1, "b"), _store.FindMap(1, "0"))).Result.Should().Be((1, 0));
    }

    private static OkoError Error(Action action) => action.Should().Throw<OkoErrorException>().Which.Error;

    private FilterStore MakeStore(FilterQuotas quotas, FilterVerifier? verify = null) =>
        new(_bench.Rules, verify ?? TextObject.Verify, quotas, NullLogger<FilterStore>.Instance);

    private Task<T> Run<T>(Func<T> function) => _bench.Rules.RunAsync(function);

    private IReadOnlyList<FilterInfo> List() => Run(_store.List).GetAwaiter().GetResult();

    private void Unload(uint id, bool force = false) => _bench.Rules.RunAsync(() => _store.Unload(id, force)).GetAwaiter().GetResult();

    private FilterInstallResult Install(uint id, string text, FilterInstallFlags flags = FilterInstallFlags.None) =>
        Run(() => _store.InstallAsync(id, TextObject.Bytes(text), null, null, flags)).Result.GetAwaiter().GetResult();

    private OkoError Refused(uint id, string text, FilterInstallFlags flags = FilterInstallFlags.None) => Error(() => Install(id, text, flags));
}
