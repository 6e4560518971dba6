using Oko.Bpf.Btf;
using Oko.Bpf.Elf;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Tests.Loading;

public sealed class ObjectLoaderTests
{
    private static readonly string[] Globals = ["globals-v1", "globals-v2", "globals-v3", "globals-clang19-v2", "globals-clang19-v3", "globals-clang19-v4"];

    [TestCaseSource(nameof(Globals))]
    public void DataSections_OfEachCompiler_AreArraysOfOneElement(string name)
    {
        var spec = ObjectLoader.Load(TestObject.Read(name));
        spec.Maps.Select(map => map.Name).Should().Equal("counters", ".rodata", ".data", ".bss");
        spec.Maps.Skip(1).Should().OnlyContain(map => map.Type == MapType.Array && map.MaxEntries == 1 && map.KeySize == 4);
        spec.Maps.Skip(1).Select(map => map.ValueSize).Should().Equal(20u, 6u, 12u);
        spec.Maps.Skip(1).Select(map => map.Flags).Should().Equal(MapCreateFlags.ReadOnlyForPrograms, 0u, 0u);
        spec.InitialValues.Keys.Should().BeEquivalentTo([1, 2, 3]);
        spec.InitialValues[1].Should().Equal(34, 0, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8);
        spec.InitialValues[2].Should().Equal(3, 0, 0, 0, 0x34, 0x12);
        spec.InitialValues[3].Should().Equal(new byte[12]);
    }

    [TestCaseSource(nameof(Globals))]
    public void Programs_OfEachSection_GetItsConvention(string name) =>
        ObjectLoader.Load(TestObject.Read(name)).Programs.Select(program => (program.Name, program.Section, program.Convention)).Should().Equal(
            ("count", "xdp/count", EntryConvention.Xdp), ("lookup", "xdp.frags", EntryConvention.Xdp),
            ("sum", "socket_filter", EntryConvention.Socket), ("rounds", "oko/filter", EntryConvention.Oko));

    [TestCaseSource(nameof(Globals))]
    public void Callees_StaticGlobalAndWeak_ArePlacedOnceEach(string name)
    {
        var program = ObjectLoader.Load(TestObject.Read(name), "sum").Programs.Single();
        var calls = Slots(program, instruction => instruction.IsLocalCall);
        // sum calls twice and add, twice calls add.
        calls.Should().HaveCount(3);
        calls.Select(slot => program.Instructions[slot].CallTarget(slot)).Distinct().Should().HaveCount(2)
            .And.OnlyContain(target => target > 0 && program.Instructions[target - 1].IsExit);
    }

    [TestCaseSource(nameof(Globals))]
    public void DataReferences_ByNameAndBySection_HoldMapAndOffset(string name)
    {
        var program = ObjectLoader.Load(TestObject.Read(name), "count").Programs.Single();
        var loads = Slots(program, instruction => instruction.IsWide)
            .Select(slot => (program.Instructions[slot].Src, program.Instructions[slot].Immediate, program.Instructions[slot + 1].Immediate));
        // packets and limit; in the callee minimum_length and short_packets, which is static.
        loads.Should().Equal((WideImmediateKind.MapValue, 3, 0), (WideImmediateKind.MapValue, 2, 0), (WideImmediateKind.MapValue, 1, 0), (WideImmediateKind.MapValue, 3, 8));
    }

    [TestCaseSource(nameof(Globals))]
    public void Callback_AddressOfAFunction_IsPlacedLikeACallee(string name)
    {
        var program = ObjectLoader.Load(TestObject.Read(name), "rounds").Programs.Single();
        var load = Slots(program, instruction => instruction.IsWide).Should().ContainSingle().Which;
        program.Instructions[load].Src.Should().Be(WideImmediateKind.Function);
        var target = program.Instructions[load].CallTarget(load);
        program.Instructions[target - 1].IsExit.Should().BeTrue();
        program.SourceLines[(int)target].Should().Contain("context += index");
    }

    [TestCase("globals-v3")]
    [TestCase("globals-clang19-v4")]
    public void DataSections_WithTypes_AreShownByName(string name)
    {
        var spec = ObjectLoader.Load(TestObject.Read(name));
        BtfValueFormatter.Format(spec.InitialValues[2], spec.Maps[2].ValueType).Should().Be("{limit=3,second_limit=4660}");
        BtfValueFormatter.Format([0, 0, 0, 0], spec.Maps[2].KeyType).Should().Be("0");
        BtfValueFormatter.Format(spec.InitialValues[1], spec.Maps[1].ValueType).Should().StartWith("{minimum_length=34,table=[0,1,0,2,");
        BtfValueFormatter.Format(new byte[12], spec.Maps[3].ValueType).Should().Be("{packets=0,short_packets=0}");
        BtfValueFormatter.Parse("{limit=5,second_limit=1}", 6, spec.Maps[2].ValueType).Should().Equal(5, 0, 0, 0, 1, 0);
    }

    [Test]
    public void Strings_OfMergedSections_AreReadOnlyMaps()
    {
        var spec = ObjectLoader.Load(TestObject.Read("strings"));
        spec.Maps.Select(map => (map.Name, map.Flags)).Should().Equal(
            (".rodata.str1.1", MapCreateFlags.ReadOnlyForPrograms), (".rodata", MapCreateFlags.ReadOnlyForPrograms));
        spec.InitialValues[0].Should().Equal("GET \0"u8.ToArray());
        spec.InitialValues[1].Should().Equal("queue %d\0"u8.ToArray());
    }

    [Test]
    public void Data_HoldingAddresses_IsRefusedByName() =>
        Refusal("pointers").Should().Match("*.data*offset 0*address of*not supported*");

    [TestCase("kconfig", "*'CONFIG_HZ'*kernel's configuration*")]
    [TestCase("ksym", "*'jiffies'*symbol of the running kernel*")]
    [TestCase("function", "*'somewhere_else'*does not define*link*")]
    public void Externs_OfEachKind_AreRefusedByName(string entry, string message) => Refusal("externs", entry).Should().Match(message);

    [Test]
    public void OneProgram_AskedForByName_LoadsWhateverTheOthersNeed() =>
        ObjectLoader.Load(TestObject.Read("externs"), "fine").Programs.Single().Name.Should().Be("fine");

    [Test]
    public void MapsOfOtherHooks_ThatNoFilterHas_MatterOnlyToProgramsThatUseThem()
    {
        ObjectLoader.Load(TestObject.Read("otherhooks"), "count").Maps.Should().ContainSingle().Which.Name.Should().Be("ports");
        Refusal("otherhooks", "report").Should().Match("*events*BPF_MAP_TYPE_PERF_EVENT_ARRAY*");
        Refusal("otherhooks", "remember").Should().Match("*.data*address of 'events'*");
    }

    [Test]
    public void FunctionsInText_BesideProgramsOfOtherHooks_AreNoPrograms() =>
        Refusal("otherhooks-trace").Should().Match("*holds no program*'trace' stands in tracepoint/net/net_dev_xmit, which is for another hook");

    [TestCase("legacymaps-20")]
    [TestCase("legacymaps-24")]
    [TestCase("legacymaps-28")]
    [TestCase("legacymaps-36")]
    public void LegacyMaps_OfXdpPrograms_AreLinuxs(string name)
    {
        var spec = ObjectLoader.Load(TestObject.Read(name));
        spec.OkoHelpers.Should().BeFalse();
        spec.Maps.Should().Equal(new MapSpec("seen", MapType.Hash, 4, 8, 64, MapCreateFlags.NoPreallocation));
    }

    [TestCase("legacymaps-24-inner", "*seen*24 bytes*BTF maps*")]
    [TestCase("legacymaps-28-inner", "*seen*holds other maps*")]
    [TestCase("legacymaps-36-inner", "*seen*holds other maps*")]
    [TestCase("legacymaps-perf", "*seen*BPF_MAP_TYPE_PERF_EVENT_ARRAY*RINGBUF*")]
    [TestCase("innermaps", "*outer*maps or programs*one map per purpose*")]
    [TestCase("legacymaps-mixed", "*seen*Oko's programs and Linux' read differently*BTF maps*")]
    public void LegacyMaps_OfUnclearMeaning_AreRefusedByName(string name, string message) => Refusal(name).Should().Match(message);

    [Test]
    public void ContextByCore_OtherMembersInOtherOrder_GetsTheOffsetsOfTheContext(
        [Values("core", "core-clang19")] string name)
    {
        var program = ObjectLoader.Load(TestObject.Read(name), "context").Programs.Single();
        // ctx->data, ctx->data_end and ctx->rx_queue_index of a struct that declares them the other way round.
        ContextLoads(program).Should().BeEquivalentTo([0, 4, 16]);
        ContextLoads(ObjectLoader.Load(TestObject.Read(name), "length").Programs.Single()).Should().BeEquivalentTo([0, 36]);
        ContextLoads(ObjectLoader.Load(TestObject.Read(name), "scratch").Programs.Single()).Should().Equal(48 + 8);
    }

    [Test]
    public void ExistsAndSizeByCore_OfContexts_AreAnswered([Values("core", "core-clang19")] string name) =>
        // In the order of the source: rx_queue_index exists, not_yet does not, data has 4 bytes, the context 24.
        ObjectLoader.Load(TestObject.Read(name), "exists").Programs.Single().Instructions
            .Where(instruction => instruction.Opcode == Opcode.Mov64Immediate || instruction.IsWide).Select(instruction => instruction.Immediate)
            .Should().ContainInOrder(1, 0, 4, 24);

    [TestCase("missing", "*missing*xdp_md::not_yet*no such member*data, data_end*")]
    [TestCase("task", "*task*task_struct::pid*running kernel's types*")]
    public void Core_OfWhatAFilterDoesNotSee_IsRefusedByName(string entry, string message) => Refusal("core", entry).Should().Match(message);

    private static List<int> ContextLoads(ProgramSpec program) =>
        [.. program.Instructions.Where(instruction => instruction.Class == InstructionClass.Ldx && instruction.Size == MemorySize.Word && instruction.Src is 1 or 6)
            .Select(instruction => (int)instruction.Offset)];

    private static List<int> Slots(ProgramSpec program, Func<Instruction, bool> wanted) =>
        [.. Enumerable.Range(0, program.Instructions.Length).Where(slot => wanted(program.Instructions[slot]))];

    private static string Refusal(string name, string? entry = null) =>
        FluentActions.Invoking(() => ObjectLoader.Load(TestObject.Read(name), entry)).Should().Throw<ElfFormatException>().Which.Message;
}
