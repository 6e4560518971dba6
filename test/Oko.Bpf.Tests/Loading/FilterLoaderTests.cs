using Oko.Bpf.Elf;
using Oko.Bpf.Execution;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Tests.Execution;
using Oko.Bpf.Verifier;

namespace Oko.Bpf.Tests.Loading;

public sealed class FilterLoaderTests
{
    private static readonly byte[] UdpFrame = Convert.FromHexString(
        "020000000002020000000001080045000023000000004011a6c60a0000010a00000203e807d0000f0000000000000000000000");

    [TestCase("blocklist-v1")]
    [TestCase("blocklist-v2")]
    [TestCase("blocklist-v3")]
    public unsafe void Blocklist_OfEachCpu_MatchesWhatIsInTheMap(string name)
    {
        using var filter = LoadedFilter.Create(FilterLoader.Load(Object(name)));
        using var packet = new TestPacket(UdpFrame);
        var context = packet.Context;
        filter.Matches(&context).Should().BeFalse();
        filter.Maps[0].Update([10, 0, 0, 1], new byte[8], 0).Should().Be(0);
        filter.Matches(&context).Should().BeTrue();
        filter.Matches(&context).Should().BeTrue();
        var value = new byte[8];
        filter.Maps[0].TryLookup([10, 0, 0, 1], value).Should().BeTrue();
        value[0].Should().Be(2);
        filter.Maps[0].Name.Should().Be("blocked");
    }

    [Test]
    public unsafe void RateLimit_OkoConvention_MatchesWhenTheBucketIsEmpty()
    {
        var program = FilterLoader.Load(Object("ratelimit"));
        program.Convention.Should().Be(EntryConvention.Oko);
        using var filter = LoadedFilter.Create(program);
        using var packet = new TestPacket(UdpFrame);
        var context = packet.Context;
        Enumerable.Range(0, 12).Select(_ => Ask(filter, context)).Should().Equal([.. Enumerable.Repeat(false, 10), true, true]);
    }

    [Test]
    public void SynOptions_UnrolledLoopWithVariableOffsets_IsAccepted()
    {
        var program = FilterLoader.Load(Object("synopts"));
        program.Instructions.Length.Should().BeGreaterThan(80);
    }

    [Test]
    public unsafe void SocketProgram_LegacyLoads_MatchesWhenNotZero()
    {
        var program = FilterLoader.Load(Object("socketip"));
        program.Convention.Should().Be(EntryConvention.Socket);
        using var filter = LoadedFilter.Create(program);
        using var packet = new TestPacket(UdpFrame);
        Ask(filter, packet.Context).Should().BeTrue();
        using var small = new TestPacket(new byte[10]);
        Ask(filter, small.Context).Should().BeFalse();
    }

    [Test]
    public unsafe void OkoMaps_TwentyByteDefinitions_LoadWithOkoHelpers()
    {
        var program = FilterLoader.Load(Object("okomaps"));
        program.OkoHelpers.Should().BeTrue();
        program.Maps.Single().Type.Should().Be(MapType.Hash);
        using var filter = LoadedFilter.Create(program);
        using var packet = new TestPacket(UdpFrame);
        Ask(filter, packet.Context).Should().BeFalse();
        Ask(filter, packet.Context).Should().BeTrue();
    }

    [Test]
    public unsafe void OkoObject_LengthTestedTheWrongWay_RunsAsOnTheOriginalSwitch()
    {
        var program = FilterLoader.Load(Object("okoshort"));
        program.Remark.Should().Contain("length argument is 8").And.Contain("shorter than 34 bytes do not match");
        using var filter = LoadedFilter.Create(program);
        using var packet = new TestPacket(UdpFrame);
        Ask(filter, packet.Context).Should().BeTrue();
        filter.Maps[0].Update([10, 0, 0, 2], new byte[4], 0).Should().Be(0);
        Ask(filter, packet.Context).Should().BeFalse();
        using var shortest = new TestPacket(UdpFrame[..34]);
        Ask(filter, shortest.Context).Should().BeFalse();
        using var tooShort = new TestPacket(UdpFrame[..33]);
        filter.Maps[0].Delete([10, 0, 0, 2]).Should().Be(0);
        Ask(filter, shortest.Context).Should().BeTrue();
        Ask(filter, tooShort.Context).Should().BeFalse();
        FilterLoader.Load(Object("okomaps")).Remark.Should().BeNull();
    }

    [Test]
    public void Mixed_EachProgramOfEachCpu_IsAcceptedAndCompiles(
        [Values("mixed-v1", "mixed-v2", "mixed-v3", "mixed-clang19-v2", "mixed-clang19-v3", "mixed-clang19-v4")] string name,
        [Values("connections", "ipv6_ssh", "http_get", "checksum", "buckets", "trailer", "port_one")] string entry)
    {
        using var filter = LoadedFilter.Create(FilterLoader.Load(Object(name), entry));
        filter.WorstCaseInstructions.Should().BeInRange(5, 1000);
    }

    [Test]
    public unsafe void Mixed_HttpGet_MatchesThePayload()
    {
        using var filter = LoadedFilter.Create(FilterLoader.Load(Object("mixed-v3"), "http_get"));
        var frame = new byte[74];
        (frame[14], frame[46]) = (0x45, 0x80);      // IPv4 header of 20 bytes, TCP header of 32: the payload begins at 66
        "GET "u8.CopyTo(frame.AsSpan(66));
        using var request = new TestPacket(frame);
        Ask(filter, request.Context).Should().BeTrue();
        using var cut = new TestPacket(frame[..69]);
        Ask(filter, cut.Context).Should().BeFalse();
    }

    [Test]
    public unsafe void TwoMaps_EachReference_GoesToItsMap()
    {
        using var filter = LoadedFilter.Create(FilterLoader.Load(Object("twomaps")));
        var first = filter.Maps.Single(map => map.Name == "first");
        var second = filter.Maps.Single(map => map.Name == "second");
        using var packet = new TestPacket(UdpFrame);
        Ask(filter, packet.Context).Should().BeFalse();
        first.Update([3, 0, 0, 0], new byte[8], 0).Should().Be(0);
        Ask(filter, packet.Context).Should().BeTrue();
        var count = new byte[4];
        second.TryLookup([3, 0, 0, 0], count).Should().BeTrue();
        count.Should().Equal(2, 0, 0, 0);
    }

    [Test]
    public void Load_CutAtEveryLength_IsRefusedCleanly()
    {
        var whole = Object("blocklist-v3");
        for (var length = 0; length < whole.Length; length += 7)
        {
            Refused(whole[..length]);
        }
    }

    [Test]
    public void Load_Mutated_IsLoadedOrRefusedCleanly()
    {
        var random = new Random(20261123);
        foreach (var name in new[] { "blocklist-v3", "ratelimit", "okomaps", "synopts", "globals-v3", "core", "legacymaps-36" })
        {
            var whole = Object(name);
            for (var round = 0; round < 2000; round++)
            {
                var copy = (byte[])whole.Clone();
                for (var count = random.Next(1, 6); count > 0; count--)
                {
                    copy[random.Next(copy.Length)] = (byte)(random.Next(3) == 0 ? 0xFF : random.Next(256));
                }

                Refused(copy);
            }
        }
    }

    [Test]
    public void Load_SeveralProgramsAndNoEntry_ListsTheNamesWhateverElseIsWrong() =>
        FluentActions.Invoking(() => FilterLoader.Load(Object("externs"))).Should().Throw<ElfFormatException>().WithMessage("*4 programs*kconfig, ksym, function, fine");

    [Test]
    public void Load_UnknownEntry_ListsTheNames() =>
        FluentActions.Invoking(() => FilterLoader.Load(Object("ratelimit"), "nothing")).Should().Throw<ElfFormatException>().WithMessage("*nothing*ratelimit*");

    private static unsafe bool Ask(LoadedFilter filter, FilterContext context) => filter.Matches(&context);

    /// <summary>Loads or is refused in one of the two ways there are; anything else fails the test.</summary>
    private static void Refused(byte[] elf)
    {
        try
        {
            FilterLoader.Load(elf);
        }
        catch (ElfFormatException problem)
        {
            problem.Message.Should().NotBeEmpty();
        }
        catch (VerificationException problem)
        {
            problem.Report.Reason.Should().NotBeEmpty();
        }
    }

    private static byte[] Object(string name) => TestObject.Read(name);
}
