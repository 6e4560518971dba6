using System.Reflection;
using System.Reflection.Emit;

namespace Oko.Datapath.Tests.PacketPath;

// Judged is the code as the compiler left it, whether a test happens to run through it or not. What is our own is walked; what is the
// class library's must be listed, so that whatever nobody thought of (a lock, a task, a query, a text) is a fault until somebody
// decides about it. Static constructors are not walked: they run once.

/// <summary>Finds what a packet's way must not hold in all methods that a method can call: allocations, exceptions, calls through
/// interfaces and delegates, and calls into the class library or the system that are not listed.</summary>
/// <param name="isListed">Whether code on the path may call a method of the class library.</param>
/// <param name="exceptions">Methods, as <see cref="Name"/> names them, that are neither judged nor walked.</param>
internal sealed class PathWalk(Func<MethodBase, bool> isListed, IReadOnlySet<string> exceptions)
{
    private readonly Dictionary<MethodBase, MethodBase?> _callers = [];
    private readonly Queue<MethodBase> _unread = new();

    /// <summary>What was found, each with the way to it.</summary>
    internal List<string> Faults { get; } = [];

    /// <summary>The exceptions that a method on the path calls.</summary>
    internal HashSet<string> UsedExceptions { get; } = [];

    /// <summary>All methods on the path.</summary>
    internal IReadOnlyCollection<MethodBase> Methods => _callers.Keys;

    /// <summary>Type and method: what exceptions are named by.</summary>
    internal static string Name(MethodBase method) => $"{method.DeclaringType?.Name}.{method.Name}";

    /// <summary>Walks through all that a method can call.</summary>
    internal void From(MethodBase root)
    {
        Visit(root, null);
        while (_unread.TryDequeue(out var method))
        {
            foreach (var instruction in IlReader.Read(method))
            {
                Judge(method, instruction);
            }
        }
    }

    private void Judge(MethodBase method, IlInstruction instruction)
    {
        var (code, member) = instruction;
        if (code == OpCodes.Newarr)
        {
            Blame(method, $"allocates an array of {member!.Name}");
        }
        else if (code == OpCodes.Box)
        {
            Blame(method, $"boxes a {member!.Name}");
        }
        else if (code == OpCodes.Throw || code == OpCodes.Rethrow)
        {
            Blame(method, "throws");
        }
        else if (code == OpCodes.Calli)
        {
            Blame(method, "calls by a function pointer");
        }
        else if (code == OpCodes.Newobj && !member!.DeclaringType!.IsValueType)
        {
            Blame(method, $"allocates a {member.DeclaringType.Name}");
        }
        else if (code == OpCodes.Call || code == OpCodes.Callvirt || code == OpCodes.Newobj || code == OpCodes.Jmp)
        {
            JudgeCall(method, (MethodBase)member!, isVirtual: code == OpCodes.Callvirt);
        }
    }

    private void JudgeCall(MethodBase method, MethodBase called, bool isVirtual)
    {
        if (exceptions.Contains(Name(called)))
        {
            UsedExceptions.Add(Name(called));
        }
        else if (!IsOurs(called))
        {
            if (!isListed(called))
            {
                Blame(method, $"calls {called.DeclaringType?.FullName ?? "?"}.{called.Name}, which is not listed");
            }
        }
        else if (called.DeclaringType!.IsSubclassOf(typeof(Delegate)))
        {
            Blame(method, $"calls a delegate {called.DeclaringType.Name}");
        }
        else if (called.DeclaringType.IsInterface)
        {
            Blame(method, $"calls {Name(called)} through an interface");
        }
        else if (called.Attributes.HasFlag(MethodAttributes.PinvokeImpl))
        {
            Blame(method, $"calls {Name(called)} of the system");
        }
        else if (isVirtual && called.IsVirtual)
        {
            Overrides((MethodInfo)called).ForEach(each => VisitUnlessExcepted(each, method));
        }
        else
        {
            Visit(called, method);
        }
    }

    /// <summary>What a virtual call may run: the method itself, if it has a body, and all that override it.</summary>
    private static List<MethodInfo> Overrides(MethodInfo called)
    {
        const BindingFlags all = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        return [.. called.Module.Assembly.GetTypes().Where(type => type == called.DeclaringType || type.IsSubclassOf(called.DeclaringType!))
            .SelectMany(type => type.GetMethods(all))
            .Where(each => !each.IsAbstract && each.GetBaseDefinition() == called.GetBaseDefinition())];
    }

    private void VisitUnlessExcepted(MethodInfo called, MethodBase caller)
    {
        if (exceptions.Contains(Name(called)))
        {
            UsedExceptions.Add(Name(called));
        }
        else
        {
            Visit(called, caller);
        }
    }

    private void Visit(MethodBase method, MethodBase? caller)
    {
        if (_callers.TryAdd(method, caller))
        {
            _unread.Enqueue(method);
        }
    }

    private static bool IsOurs(MethodBase method) => method.Module.Assembly.GetName().Name!.StartsWith("Oko.", StringComparison.Ordinal);

    private void Blame(MethodBase method, string what)
    {
        var way = new List<string>();
        for (var at = method; at is not null; at = _callers[at])
        {
            way.Add(Name(at));
        }

        way.Reverse();
        Faults.Add($"{string.Join(" > ", way)}: {what}");
    }
}
