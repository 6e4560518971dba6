using System.Reflection;

namespace Oko.Datapath.Tests.PacketPath;

/// <summary>The walk finds what it is for, and nothing in code that is free of it.</summary>
public sealed class PathWalkTests
{
    [TestCase(nameof(Samples.LocksAnObject), "*Monitor.Enter*not listed*")]
    [TestCase(nameof(Samples.TakesALock), "*Lock.EnterScope*not listed*")]
    [TestCase(nameof(Samples.Waits), "*Thread.Sleep*not listed*")]
    [TestCase(nameof(Samples.AllocatesAnObject), "*AllocatesAnObject: allocates a Object")]
    [TestCase(nameof(Samples.AllocatesAnArray), "*allocates an array of Byte")]
    [TestCase(nameof(Samples.Boxes), "*boxes a Int32")]
    [TestCase(nameof(Samples.MakesADelegate), "*allocates a Func`1")]
    [TestCase(nameof(Samples.CallsADelegate), "*Func`1*Invoke*not listed*")]
    [TestCase(nameof(Samples.CallsAnInterface), "*calls IShape.get_Area through an interface")]
    [TestCase(nameof(Samples.Throws), "*throws")]
    [TestCase(nameof(Samples.JoinsTexts), "*String.Concat*not listed*")]
    [TestCase(nameof(Samples.CallsWhatAllocates), "Samples.CallsWhatAllocates > Samples.Deeper > Samples.AllocatesAnObject: allocates a Object")]
    [TestCase(nameof(Samples.CallsAnOverride), "Samples.CallsAnOverride > Derived.Work: allocates a Object")]
    [TestCase(nameof(Samples.CallsAGenericMethod), "*Samples.IsNothing: boxes a Int32")]
    public void Walk_OverWhatIsForbidden_FindsIt(string method, string fault)
    {
        Walk(method).Faults.Should().ContainMatch(fault);
    }

    [Test]
    public void Walk_OverArithmeticBranchesAndStructs_FindsNothing()
    {
        var walk = Walk(nameof(Samples.IsClean));
        walk.Faults.Should().BeEmpty();
        walk.Methods.Should().HaveCount(3);
    }

    [Test]
    public void Walk_WithAnException_NeitherJudgesNorWalksIt()
    {
        var walk = Walk(nameof(Samples.CallsWhatAllocates), "Samples.Deeper");
        walk.Faults.Should().BeEmpty();
        walk.UsedExceptions.Should().Equal("Samples.Deeper");
    }

    private static PathWalk Walk(string method, params string[] exceptions)
    {
        var walk = new PathWalk(_ => false, exceptions.ToHashSet());
        walk.From(typeof(Samples).GetMethod(method, BindingFlags.Static | BindingFlags.NonPublic)!);
        return walk;
    }

    private interface IShape
    {
        int Area { get; }
    }

    private abstract class Shape
    {
        public abstract object? Work();
    }

    private sealed class Derived : Shape
    {
        public override object? Work() => new object();
    }

    private readonly struct Pair(int first, int second)
    {
        public int Sum => first + second;
    }

    private static class Samples
    {
        private static readonly object Gate = new();
        private static readonly Lock Exclusive = new();

        internal static int LocksAnObject(int value)
        {
            lock (Gate)
            {
                return value;
            }
        }

        internal static int TakesALock(int value)
        {
            lock (Exclusive)
            {
                return value;
            }
        }

        internal static void Waits() => Thread.Sleep(0);

        internal static object AllocatesAnObject() => new();

        internal static byte[] AllocatesAnArray() => new byte[4];

        internal static object Boxes(int value) => value;

        internal static Func<int> MakesADelegate(int value) => () => value;

        internal static int CallsADelegate(Func<int> function) => function();

        internal static int CallsAnInterface(IShape shape) => shape.Area;

        internal static void Throws(Exception exception) => throw exception;

        internal static string JoinsTexts(string one, string two) => one + two;

        internal static object CallsWhatAllocates() => Deeper();

        internal static object? CallsAnOverride(Shape shape) => shape.Work();

        internal static bool CallsAGenericMethod(int value) => IsNothing(value);

        internal static int IsClean(int value)
        {
            var pair = new Pair(value, 2);
            for (var round = 0; round < 3; round++)
            {
                value = value switch { 0 => 1, 1 => 5, 2 => 7, 3 => 9, _ => pair.Sum };
            }

            return value;
        }

        private static object Deeper() => AllocatesAnObject();

        private static bool IsNothing<T>(T value) => value!.Equals(null) || (object)value == Gate;
    }
}
