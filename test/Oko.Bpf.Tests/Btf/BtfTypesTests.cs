using System.Diagnostics;
using Oko.Bpf.Btf;
using Oko.Bpf.Elf;

namespace Oko.Bpf.Tests.Btf;

public sealed class BtfTypesTests
{
    [Test]
    public void Format_NestedTypes_AreWrittenInFull()
    {
        var builder = new BtfBuilder();
        var number = builder.Integer(4);
        var inner = builder.Struct(8, (number, 0), (number, 4));
        var array = builder.Type(0, BtfKind.Array, 0, 0, inner, number, 2);
        var outer = builder.Struct(20, (array, 0), (number, 16));
        var value = new byte[20];
        (value[0], value[4], value[8], value[12], value[16]) = (1, 2, 3, 4, 5);
        Format(builder, outer, value).Should().Be("{m=[{m=1,m=2},{m=3,m=4}],m=5}");
    }

    [Test]
    public void Text_OfCharArrays_IsWrittenAndReadInQuotes()
    {
        var builder = new BtfBuilder();
        var character = builder.Type(builder.Text("char"), BtfKind.Int, 0, 1, 0x01000008);
        var array = builder.Type(0, BtfKind.Array, 0, 0, character, character, 8);
        var outer = builder.Struct(9, (array, 0), (character, 8));
        var type = new BtfTypeReference(new BtfTypes(builder.Bytes()), outer);
        BtfValueFormatter.Format("eth0\0\0\0\0\x7f"u8, type).Should().Be("{m=\"eth0\",m=127}");
        BtfValueFormatter.Format("\0eth0\0\0\0\0"u8, type).Should().Be("{m=[0,101,116,104,48,0,0,0],m=0}");
        BtfValueFormatter.Parse("{\"a,{b\",-1}", 9, type).Should().Equal((byte)'a', (byte)',', (byte)'{', (byte)'b', 0, 0, 0, 0, 0xff);
        FluentActions.Invoking(() => BtfValueFormatter.Parse("{\"a long text\",1}", 9, type)).Should().Throw<FormatException>().WithMessage("*11 bytes; the array has 8");
    }

    [Test]
    public void BitFieldsAndBooleans_AreWrittenAndReadAsNumbersAndWords()
    {
        var builder = new BtfBuilder();
        var number = builder.Integer(1);
        var boolean = builder.Type(builder.Text("_Bool"), BtfKind.Int, 0, 1, 0x04000008);
        // struct { u8 ihl : 4, version : 4; bool seen; }: the flag of the struct says that offsets hold sizes of bit fields.
        var header = builder.Type(builder.Text("h"), BtfKind.Struct, 3, 2,
            builder.Text("ihl"), number, 0x04000000, builder.Text("version"), number, 0x04000004, builder.Text("seen"), boolean, 8);
        var section = builder.Bytes();
        BtfBuilder.SetFlag(section, header);
        var type = new BtfTypeReference(new BtfTypes(section), header);
        BtfValueFormatter.Format([0x45, 1], type).Should().Be("{ihl=5,version=4,seen=true}");
        BtfValueFormatter.Parse("{version=6,ihl=15,seen=false}", 2, type).Should().Equal(0x6f, 0);
        FluentActions.Invoking(() => BtfValueFormatter.Parse("{ihl=16}", 2, type)).Should().Throw<FormatException>().WithMessage("*4 bits of ihl*");
    }

    [Test]
    public void Format_MembersThatOverlapManyTimes_AreBytesInNoTime()
    {
        var builder = new BtfBuilder();
        var type = builder.Integer(4);
        for (var depth = 0; depth < 15; depth++)
        {
            type = builder.Struct(4, [.. Enumerable.Repeat((type, 0u), 100)]);
        }

        Quickly(() => Format(builder, type, [1, 2, 3, 4]).Should().Be("hex:01020304"));
    }

    [Test]
    public void Format_MembersWithoutSize_EndInNoTime()
    {
        var builder = new BtfBuilder();
        var number = builder.Integer(4);
        var empty = builder.Struct(0);
        for (var depth = 0; depth < 14; depth++)
        {
            empty = builder.Struct(0, [.. Enumerable.Repeat((empty, 0u), 100)]);
        }

        var outer = builder.Struct(4, (number, 0), (empty, 0));
        Quickly(() => Format(builder, outer, [1, 2, 3, 4]).Should().Be("hex:01020304"));
    }

    [Test]
    public void TypesThatReferToThemselves_HaveNoSizeAndEnd()
    {
        var builder = new BtfBuilder();
        var typedef = builder.Type(builder.Text("t"), BtfKind.Typedef, 0, 1);
        var array = builder.Type(0, BtfKind.Array, 0, 0, 2, 2, 1000);
        var pointer = builder.Type(0, BtfKind.Pointer, 0, 3);
        var types = new BtfTypes(builder.Bytes());
        types.SizeOf(typedef).Should().Be(0);
        types.SizeOf(array).Should().Be(0);
        types.SizeOf(pointer).Should().Be(8);
        types.SizeOf(99).Should().Be(0);
    }

    [Test]
    public void Names_ThatShareOneLongText_AreRefusedBeforeTheyFillMemory()
    {
        var builder = new BtfBuilder();
        builder.Text(new string('x', 60_000));
        for (uint index = 1; index < 4000; index++)
        {
            builder.Type(index, BtfKind.Typedef, 0, 1);
        }

        FluentActions.Invoking(() => new BtfTypes(builder.Bytes())).Should().Throw<ElfFormatException>().WithMessage("*overlap*");
    }

    [Test]
    public void Section_CutOrChanged_IsReadOrRefusedCleanly()
    {
        var builder = new BtfBuilder();
        var number = builder.Integer(4);
        builder.Type(builder.Text("e"), BtfKind.Enum, 1, 4, builder.Text("one"), 1);
        builder.Type(builder.Text("long"), BtfKind.Enum64, 1, 8, builder.Text("two"), 2, 0);
        builder.Type(0, BtfKind.FunctionPrototype, 1, number, 0, number);
        builder.Type(builder.Text("v"), BtfKind.Variable, 0, number, 1);
        builder.Type(builder.Text(".data"), BtfKind.DataSection, 1, 4, 5, 0, 4);
        builder.Struct(8, (number, 0), (number, 4));
        var whole = builder.Bytes();
        var random = new Random(1);
        for (var round = 0; round < 20_000; round++)
        {
            var copy = whole[..random.Next(whole.Length + 1)];
            for (var count = random.Next(4); count > 0 && copy.Length > 0; count--)
            {
                copy[random.Next(copy.Length)] = (byte)(random.Next(3) == 0 ? 0xff : random.Next(256));
            }

            try
            {
                var types = new BtfTypes(copy);
                for (uint id = 0; id < types.All.Count; id++)
                {
                    _ = BtfValueFormatter.Format(new byte[8], new BtfTypeReference(types, id));
                }
            }
            catch (ElfFormatException problem)
            {
                problem.Message.Should().NotBeEmpty();
            }
        }
    }

    private static string Format(BtfBuilder builder, uint type, byte[] value) =>
        BtfValueFormatter.Format(value, new BtfTypeReference(new BtfTypes(builder.Bytes()), type));

    private static void Quickly(Action work)
    {
        var watch = Stopwatch.StartNew();
        work();
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(2));
    }
}
