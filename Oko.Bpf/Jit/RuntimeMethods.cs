using System.Buffers.Binary;
using System.Reflection;

namespace Oko.Bpf.Jit;

/// <summary>Finds the methods that compiled programs call. Stateless; any thread.</summary>
internal static class RuntimeMethods
{
    /// <summary>The one static method of a type with this name.</summary>
    public static MethodInfo Find(Type owner, string name) =>
        owner.GetMethod(name, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
        ?? throw new InvalidOperationException($"{owner.Name} has no method {name}");

    /// <summary>The byte swap of an unsigned type.</summary>
    public static MethodInfo ByteSwap(Type width) =>
        typeof(BinaryPrimitives).GetMethod(nameof(BinaryPrimitives.ReverseEndianness), [width])
        ?? throw new InvalidOperationException($"there is no byte swap of {width.Name}");
}
