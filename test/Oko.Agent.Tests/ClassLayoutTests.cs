using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Oko.Agent.Tests;

/// <summary>
/// .NET 10.0 can lay two fields of a class over each other when its base class ends on four bytes and the class has three fields
/// of two bytes and one of one byte: setting one changes the other. Seen with the runtime 10.0.12; this test finds any such class
/// of ours.
/// </summary>
public class ClassLayoutTests
{
    // Where CoreCLR keeps a field's offset: the low 27 bits of the second word behind two pointers' worth of FieldDesc.
    private const int OffsetWord = 12, OffsetMask = 0x7FFFFFF;

    private static readonly MethodInfo SizeOfMethod = typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!;

    [Test]
    public void Fields_OfEveryClass_DoNotOverlap()
    {
        Assembly[] ours =
        [
            typeof(OpenFlow.Messages.FlowRemoved).Assembly, typeof(Bpf.Execution.LoadedFilter).Assembly,
            typeof(Datapath.Workers.Datapath).Assembly, typeof(Agent.Rules.RuleManager).Assembly,
        ];
        var classes = ours.SelectMany(assembly => assembly.GetTypes())
            .Where(type => type is { IsClass: true, IsExplicitLayout: false, ContainsGenericParameters: false });
        classes.Select(FindOverlap).Where(overlap => overlap is not null).Should().BeEmpty();
    }

    [Test]
    public void OffsetOf_FieldsOfKnownSize_AreReadRight() =>
        FieldsOf(typeof(Known)).Select(field => field.Offset).Should().BeEquivalentTo([0, 8]);

    private static string? FindOverlap(Type type)
    {
        var fields = FieldsOf(type);
        for (var index = 1; index < fields.Count; index++)
        {
            if (fields[index].Offset < fields[index - 1].Offset + fields[index - 1].Size)
            {
                return $"{type}: {fields[index - 1]} and {fields[index]}";
            }
        }

        return null;
    }

    private static List<(int Offset, int Size, string Name)> FieldsOf(Type type)
    {
        var fields = new List<(int Offset, int Size, string Name)>();
        for (var owner = type; owner is not null && owner != typeof(object); owner = owner.BaseType)
        {
            foreach (var field in owner.GetFields(
                BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.DeclaredOnly))
            {
                var offset = Marshal.ReadInt32(field.FieldHandle.Value + OffsetWord) & OffsetMask;
                fields.Add((offset, SizeOf(field.FieldType), field.Name));
            }
        }

        fields.Sort();
        return fields;
    }

    private static int SizeOf(Type type) => type switch
    {
        { IsPointer: true } or { IsFunctionPointer: true } or { IsValueType: false } => IntPtr.Size,
        { IsEnum: true } => SizeOf(Enum.GetUnderlyingType(type)),
        _ => (int)SizeOfMethod.MakeGenericMethod(type).Invoke(null, null)!,
    };

    private sealed class Known
    {
        public long First = 1;
        public int Second = 2;
    }
}
