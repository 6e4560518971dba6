using System.Diagnostics;
using System.Text.Json;
using Oko.Bpf.Btf;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;
using Oko.Bpf.Tests.Loading;

namespace Oko.Bpf.Tests.Btf;

/// <summary>Keys, values and records as JSON, by the types of an object (typed.c) and by types that no compiler writes.</summary>
public sealed class BtfJsonTests
{
    private const string Value = """
        {"mac":"02:00:00:00:00:01","vlan":100,"name":"eth\\0","balance":-5,"blocked":true,"low":3,"high":9,"peer":"2001:db8::1","either":"hex:01020304","#9":{"left":1,"right":2},"colour":7,"points":[{"x":1,"y":2},{"x":3,"y":4}],"limits":[18446744073709551615,0]}
        """;

    private IReadOnlyList<MapSpec> _maps = null!;

    [OneTimeSetUp]
    public void ReadTypes() => _maps = ObjectLoader.Load(TestObject.Read("typed")).Maps;

    [Test]
    public void Format_EachKindOfType_IsWhatProgramsExpect()
    {
        BtfValueFormatter.FormatJson([10, 0, 0, 1, 0x1f, 0x90, 6, 0], Table.KeyType).Should().Be("""{"address":"10.0.0.1","port":8080,"protocol":6}""");
        BtfValueFormatter.FormatJson(ParseValue(Value.Trim()), Table.ValueType).Should().Be(Value.Trim());
        BtfValueFormatter.FormatJson([1, 2, 3], null).Should().Be("\"hex:010203\"");
    }

    [Test]
    public void Parse_WhatPeopleWriteInstead_IsTheSame()
    {
        ParseValue("""{"mac":[2,0,0,0,0,1],"vlan":"100","name":"eth\\0","balance":"-0005","blocked":1,"low":3,"high":9,"peer":"hex:20010db8000000000000000000000001","either":67305985,"#9":"{left=1,right=2}","colour":7,"points":["{1,2}",{"y":4,"x":3}],"limits":["0xffffffffffffffff",0]}""")
            .Should().Equal(ParseValue(Value.Trim()));
        ParseValue("{}").Should().Equal(new byte[Table.ValueSize]);
        Parse("[1,255,0]", 3, null).Should().Equal(1, 255, 0);
        Parse("\"hex:01ff00\"", 3, null).Should().Equal(1, 255, 0);
        Parse("258", 4, null).Should().Equal(2, 1, 0, 0);
    }

    [TestCase("""{"vlan":65536}""", "value.vlan: 65536 does not fit 2 bytes: 0 to 65535")]
    [TestCase("""{"vlan":1.5}""", "value.vlan: '1.5' is no number")]
    [TestCase("""{"vlan":null}""", "value.vlan: null where a number is needed")]
    [TestCase("""{"vlan":{}}""", "value.vlan: an object where a number is needed")]
    [TestCase("""{"lan":1}""", "value.lan: there is no such member; an object {mac, vlan, name,")]
    [TestCase("""{"mac":"02:00:00:00:00"}""", "value.mac: '02:00:00:00:00' is no Ethernet address")]
    [TestCase("""{"mac":[1,2,3]}""", "value.mac: 3 elements; the array has 6")]
    [TestCase("""{"name":"too long for it"}""", "value.name: \"too long for it\" has 15 bytes; the array has 8")]
    [TestCase("""{"name":1}""", "value.name: 1 where a text of up to 8 bytes is needed")]
    [TestCase("""{"blocked":"yes"}""", "value.blocked: 'yes' is no number")]
    [TestCase("""{"vlan":true}""", "value.vlan: true where a number is needed")]
    [TestCase("""{"low":16}""", "value.low: 16 does not fit the 4 bits of low")]
    [TestCase("""{"low":"1"}""", "value.low: a text where a number of 4 bits is needed")]
    [TestCase("""{"either":"hex:01"}""", "value.either: hex: is followed by 2 characters; 8 hex digits are needed")]
    [TestCase("""{"points":[{"x":1},{"x":300}]}""", "value.points[1].x: 300 does not fit 1 bytes: 0 to 255")]
    [TestCase("""{"points":[1,2]}""", "value.points[0]: 1 where an object {x, y} is needed")]
    [TestCase("""{"#9":{"left":-1}}""", "value.#9.left: -1 does not fit")]
    [TestCase("[]", "value: an array where an object {mac,")]
    public void Parse_WhatDoesNotFit_NamesTheMember(string json, string message) =>
        FluentActions.Invoking(() => ParseValue(json)).Should().Throw<FormatException>().WithMessage(message + "*");

    [TestCase("[1,256,0]", "value[1]: 256 is no byte; allowed are 0 to 255")]
    [TestCase("[1,2]", "value: an array cannot be read as 3 bytes; write \"hex:\" and 6 digits in quotes, or an array of 3 bytes")]
    [TestCase("7", "value: '7' cannot be read as 3 bytes; write hex: and 6 digits")]
    [TestCase("{}", "value: an object cannot be read as 3 bytes")]
    public void Parse_WithoutType_NamesWhatWouldDo(string json, string message) =>
        FluentActions.Invoking(() => Parse(json, 3, null)).Should().Throw<FormatException>().WithMessage(message + "*");

    [Test]
    public void Text_ThatWouldBeTakenForSomethingElse_IsWrittenAsNumbers()
    {
        var builder = new BtfBuilder();
        var character = builder.Type(builder.Text("char"), BtfKind.Int, 0, 1, 0x01000008);
        var eight = builder.Type(0, BtfKind.Array, 0, 0, character, character, 8);
        var six = builder.Type(0, BtfKind.Array, 0, 0, character, character, 6);
        var types = new BtfTypes(builder.Bytes());
        foreach (var (id, bytes, expected) in new (uint, byte[], string)[]
        {
            (eight, "hex:0102"u8.ToArray(), "[104,101,120,58,48,49,48,50]"),
            (six, [2, 0, 0, 0, 0, 1], "[2,0,0,0,0,1]"),
            (six, "a:b:c\0"u8.ToArray(), "\"a:b:c\""),
        })
        {
            var type = new BtfTypeReference(types, id);
            BtfValueFormatter.FormatJson(bytes, type).Should().Be(expected);
            Parse(expected, bytes.Length, type).Should().Equal(bytes);
        }
    }

    [Test]
    public void RandomBytesOfRandomTypes_WrittenAndRead_AreTheSame([Range(1, 20)] int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 200; round++)
        {
            var builder = new BtfBuilder();
            var (id, size) = RandomType(builder, random, depth: 0);
            var type = new BtfTypeReference(new BtfTypes(builder.Bytes()), id);
            var bytes = new byte[size];
            random.NextBytes(bytes);
            var json = BtfValueFormatter.FormatJson(bytes, type);
            Parse(json, (int)size, type).Should().Equal(bytes, "seed {0}, round {1}: {2}", seed, round, json);
            BtfValueFormatter.Parse(BtfValueFormatter.Format(bytes, type), (int)size, type).Should().Equal(bytes, "seed {0}, round {1}, as text", seed, round);
        }
    }

    [Test]
    public void MembersThatOverlapManyTimes_AreBytesInNoTime()
    {
        var builder = new BtfBuilder();
        var type = builder.Integer(4);
        for (var depth = 0; depth < 15; depth++)
        {
            type = builder.Struct(4, [.. Enumerable.Repeat((type, 0u), 100)]);
        }

        var watch = Stopwatch.StartNew();
        BtfValueFormatter.FormatJson([1, 2, 3, 4], new BtfTypeReference(new BtfTypes(builder.Bytes()), type)).Should().Be("\"hex:01020304\"");
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(2));
    }

    [Test]
    public void MembersWithLongNames_DoNotMakeALongText()
    {
        var builder = new BtfBuilder();
        var (name, number) = (builder.Text(new string('x', 1000)), builder.Integer(1));
        var bytes = new byte[200];
        var type = builder.Type(builder.Text("s"), BtfKind.Struct, bytes.Length, (uint)bytes.Length, [.. bytes.SelectMany((_, index) => (uint[])[name, number, (uint)index * 8])]);
        var types = new BtfTypes(builder.Bytes());
        BtfValueFormatter.Format(bytes, new BtfTypeReference(types, type)).Length.Should().BeLessThan(300_000);
        builder = new BtfBuilder();
        (name, number) = (builder.Text(new string('x', 1000)), builder.Integer(1));
        var nested = number;
        for (var depth = 0; depth < 6; depth++)
        {
            nested = builder.Type(builder.Text("s"), BtfKind.Struct, 3, 1, name, nested, 0, name, nested, 0, name, nested, 0);
        }

        BtfValueFormatter.FormatJson([7], new BtfTypeReference(new BtfTypes(builder.Bytes()), nested)).Should().Be("\"hex:07\"");
    }

    [Test]
    public void RingBuffer_WithAType_HasRecordsOfThatType()
    {
        var reports = _maps.Single(map => map.Type == MapType.RingBuffer);
        (reports.ValueSize, reports.ValueType!.Size).Should().Be((0u, 12u));
        BtfValueFormatter.FormatJson([10, 0, 0, 1, 60, 0, .. "packet"u8], reports.ValueType).Should().Be("""{"source":"10.0.0.1","length":60,"what":"packet"}""");
    }

    private MapSpec Table => _maps.Single(map => map.Name == "table");

    private byte[] ParseValue(string json) => Parse(json, (int)Table.ValueSize, Table.ValueType);

    private static byte[] Parse(string json, int size, BtfTypeReference? type)
    {
        using var document = JsonDocument.Parse(json);
        var bytes = new byte[size];
        BtfValueFormatter.ParseJson(document.RootElement, bytes, type, "value");
        return bytes;
    }

    /// <summary>An integer of some kind, an array, or a struct without padding; its id and size.</summary>
    private static (uint Id, uint Size) RandomType(BtfBuilder builder, Random random, int depth)
    {
        switch (random.Next(depth < 3 ? 6 : 4))
        {
            case 0:
                var character = builder.Type(builder.Text("char"), BtfKind.Int, 0, 1, 0x01000008);
                return (character, 1);
            case 1:
                var number = builder.Integer(4);
                return (builder.Type(builder.Text("__be32"), BtfKind.Typedef, 0, number), 4);
            case 2:
                return (builder.Type(builder.Text("__be16"), BtfKind.Typedef, 0, builder.Integer(2)), 2);
            case 3:
                var bytes = 1u << random.Next(4);
                return (builder.Type(builder.Text("s"), BtfKind.Int, 0, bytes, 0x01000000 | (8 * bytes)), bytes);
            case 4:
                var (element, size) = RandomType(builder, random, depth + 1);
                var count = (uint)random.Next(1, 9);
                return (builder.Type(0, BtfKind.Array, 0, 0, element, element, count), count * size);
            default:
                List<uint> members = [];
                var end = 0u;
                for (var index = random.Next(1, 5); index > 0; index--)
                {
                    var (member, length) = RandomType(builder, random, depth + 1);
                    members.AddRange([builder.Text($"m{index}"), member, end * 8]);
                    end += length;
                }

                return (builder.Type(builder.Text("t"), BtfKind.Struct, members.Count / 3, end, [.. members]), end);
        }
    }
}
