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
