using Oko.Bpf.Execution;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Testing;

namespace Oko.Bpf.Tests.Execution;

[TestFixture]
public sealed unsafe class LoadedFilterTests
{
    // Counts the packets of each first word of the packet, in value word 0; matches from the third packet on.
    private const string Counter = """
        ldxw %r0, [%r1]
        stxw [%r10-4], %r0
        ldmap %r1, 0
        mov %r2, %r10
        add %r2, -4
        call 1
        jne %r0, 0, known
        stdw [%r10-16], 1
        ldmap %r1, 0
        mov %r2, %r10
        add %r2, -4
        mov %r3, %r10
        add %r3, -16
        mov %r4, 1
        call 2
        mov %r0, 0
        exit
        known:
        mov %r1, 1
        lock fetch add [%r0], %r1
        mov %r0, 0
        jlt %r1, 2, done
        mov %r0, 1
        done:
        exit
        """;

    private static readonly MapSpec CounterMap = new("counters", MapType.Hash, 4, 8, 16, 0);

    [TestCase(16u, false)]
    [TestCase(65536u, true)]
    public void Scout_ProgramWithMap_ExistsForLargeOnesAndChangesNothing(uint entries, bool exists)
    {
        VerifiedProgram program = TestProgram.Assemble(Counter, maps: CounterMap with { MaxEntries = entries });
        using var map = BpfMap.Create(program.Maps[0]);
        CompiledProgram compiled = IlCompiler.Compile(program, [map]);
        (compiled.Scout is not null).Should().Be(exists);
        uint packet = 0;
        FilterContext context = new() { Packet = (byte*)&packet, PacketEnd = (byte*)&packet + 4, Length = 4 };
        for (; packet < 16; packet++)
        {
            compiled.Scout?.Invoke(&context);
            map.Count.Should().Be((int)packet);
            compiled.Method(&context).Should().Be(0);
        }
    }

    [TestCase("lock add [%r0], %r1")]
    [TestCase("stxdw [%r0], %r1")]
    public void Scout_StoreBeforeTheLookup_EndsBeforeIt(string store)
    {
        VerifiedProgram program = TestProgram.Assemble(
            $"""
            stw [%r10-4], 0
            ldmap %r1, 0
            mov %r2, %r10
            add %r2, -4
            call 1
            mov %r1, 1
            {store}
            ldmap %r1, 1
            mov %r2, %r10
            add %r2, -4
            call 1
            mov %r0, 0
            exit
            """,
            maps: [new MapSpec("seen", MapType.Array, 4, 8, 1, 0), CounterMap with { MaxEntries = 65536 }]);
        using var seen = BpfMap.Create(program.Maps[0]);
        using var large = BpfMap.Create(program.Maps[1]);
        CompiledProgram compiled = IlCompiler.Compile(program, [seen, large]);
        FilterContext context = default;
        var value = new byte[8];
        compiled.Scout!(&context);
        seen.TryLookup(new byte[4], value);
        value.Should().Equal(new byte[8]);
        compiled.Method(&context);
        seen.TryLookup(new byte[4], value);
        value[0].Should().Be(1);
    }

    [TestCase(EntryConvention.Oko, "1", true)]
    [TestCase(EntryConvention.Oko, "0", false)]
    [TestCase(EntryConvention.Oko, "2", false)]
    [TestCase(EntryConvention.Oko, "0x100000001", false)]
    [TestCase(EntryConvention.Oko, "-1", false)]
    [TestCase(EntryConvention.Xdp, "1", true)]
    [TestCase(EntryConvention.Xdp, "2", false)]
    [TestCase(EntryConvention.Xdp, "0x100000001", true)]
    [TestCase(EntryConvention.Socket, "0", false)]
    [TestCase(EntryConvention.Socket, "1", true)]
    [TestCase(EntryConvention.Socket, "-1", true)]
    [TestCase(EntryConvention.Socket, "0x100000000", false)]
    public void Matches_ResultOfConvention_IsReadAsDefined(EntryConvention convention, string result, bool match)
    {
        using var filter = LoadedFilter.Create(TestProgram.Assemble($"lddw %r0, {result}\nexit", convention));
        FilterContext context = default;

        filter.Matches(&context).Should().Be(match);
    }

    [Test]
    public void Matches_ProgramWithMap_KeepsItsState([Values] bool mapsKnown)
    {
        VerifiedProgram program = TestProgram.Assemble(Counter, EntryConvention.Oko, false, CounterMap);
        using var filter = LoadedFilter.Create(mapsKnown ? program : TestProgram.WithUnknownMaps(program));
        using var packet = new TestPacket(1, 2, 3, 4);

        bool[] verdicts = [Ask(filter, packet), Ask(filter, packet), Ask(filter, packet), Ask(filter, packet)];

        verdicts.Should().Equal(false, false, true, true);
        var value = new byte[8];
        filter.Maps[0].TryLookup([1, 2, 3, 4], value).Should().BeTrue();
        value.Should().Equal(4, 0, 0, 0, 0, 0, 0, 0);
    }

    [Test]
    public void Create_WithOldMaps_KeepsContentOfCompatibleOnes()
    {
        VerifiedProgram program = TestProgram.Assemble(Counter, EntryConvention.Oko, false, CounterMap);
        VerifiedProgram larger = TestProgram.Assemble(Counter, EntryConvention.Oko, false, CounterMap with { MaxEntries = 17 });
        var first = LoadedFilter.Create(program);
        first.Maps[0].Update([1, 0, 0, 0], new byte[8], MapUpdateFlags.Any);

        using var second = LoadedFilter.Create(program, first.Maps);
        using var third = LoadedFilter.Create(larger, first.Maps);
        first.Dispose();
        first.Dispose();

        second.MapWasKept.Should().Equal(true);
        second.Maps[0].Count.Should().Be(1);
        third.MapWasKept.Should().Equal(false);
        third.Maps[0].Count.Should().Be(0);
    }

    [Test]
    public void Create_DataSection_StartsWithItsBytes()
    {
        var section = new MapSpec(".rodata", MapType.Array, 4, 16, 1, MapCreateFlags.ReadOnlyForPrograms);
        VerifiedProgram program = TestProgram.Assemble("ldmapvalue %r1, 0, 8\nldxdw %r0, [%r1]\nexit", EntryConvention.Oko, false, section);
        program = new VerifiedProgram
        {
            Name = program.Name,
            Instructions = program.Instructions,
            Convention = program.Convention,
            Reachable = program.Reachable,
            WorstCaseInstructions = program.WorstCaseInstructions,
            StackBytes = 0,
            MapAtCall = program.MapAtCall,
            Maps = program.Maps,
            OkoHelpers = false,
            FunctionStarts = program.FunctionStarts,
            InitialValues = program.InitialValues.Add(0, [1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0, 0, 0, 0, 0]),
        };
        using var filter = LoadedFilter.Create(program);
        FilterContext context = default;

        filter.Matches(&context).Should().BeTrue();
    }

    [Test]
    public void Create_OkoNumbering_UpdatesWithThreeArguments()
    {
        const string source = """
            stw [%r10-4], 5
            stw [%r10-8], 6
            ldmap %r1, 0
            mov %r2, %r10
            add %r2, -4
            mov %r3, %r10
            add %r3, -8
            mov %r4, 77
            call 2
            exit
            """;
        var map = new MapSpec("m", MapType.Hash, 4, 4, 16, 0);
        FilterContext context = default;

        using var oko = LoadedFilter.Create(TestProgram.Assemble(source, EntryConvention.Oko, true, map));
        using var linux = LoadedFilter.Create(TestProgram.Assemble(source, EntryConvention.Oko, false, map));

        oko.Run(&context).Should().Be(0);
        oko.Maps[0].Count.Should().Be(1);
        ((long)linux.Run(&context)).Should().Be(MapErrno.Invalid, "77 is not a flag");
    }

    [TestCase("ldabsh 12", 0x0800)]
    [TestCase("ldabsb 0", 0)]
    [TestCase("ldabsw 10", 0x0a0c_0800)]
    [TestCase("mov %r6, 2\nldindh %r6, 10", 0x0800)]
    [TestCase("ldabsh 13", 0, TestName = "one byte past the end: the program ends with 0")]
    [TestCase("ldabsw -4", 0, TestName = "negative offset")]
    [TestCase("mov %r6, -1\nldindb %r6, 1", 0, TestName = "indirect sum wraps to 0")]
    public void Run_LegacyPacketLoad_IsBigEndianAndChecked(string load, int expected)
    {
        VerifiedProgram program = TestProgram.Assemble($"mov %r0, 99\n{load}\nexit", EntryConvention.Socket);
        using var filter = LoadedFilter.Create(program);
        using var packet = new TestPacket(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 8, 0);
        FilterContext context = packet.Context;

        filter.Run(&context).Should().Be((ulong)expected);
        new Interpreter(program, []).Run(&context).Result.Should().Be((ulong)expected);
    }

    [Test]
    public void Run_Clock_IsTheContextsTime()
    {
        using var filter = LoadedFilter.Create(TestProgram.Assemble("call 5\nexit"));
        FilterContext context = new() { TimeNanoseconds = 123_456_789_012 };

        filter.Run(&context).Should().Be(123_456_789_012);
    }

    [Test]
    public void Matches_ManyPackets_AllocatesNothing()
    {
        using var filter = LoadedFilter.Create(TestProgram.Assemble(Counter, EntryConvention.Oko, false, CounterMap));
        using var packet = new TestPacket(1, 2, 3, 4);
        using MapReader reader = MapReaders.Register();

        Allocations.Of(() =>
        {
            FilterContext context = packet.Context;
            for (int i = 0; i < 10_000; i++)
            {
                reader.Enter();
                filter.Matches(&context);
                reader.Exit();
            }
        }).Should().Be(0);
    }

    private static bool Ask(LoadedFilter filter, TestPacket packet)
    {
        FilterContext context = packet.Context;
        return filter.Matches(&context);
    }
}
