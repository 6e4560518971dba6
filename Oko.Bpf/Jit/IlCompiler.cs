using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Jit;

// How a program becomes machine code.
//
// Each function of the program is translated, instruction by instruction, to one DynamicMethod; RyuJIT compiles that, always
// fully optimised, and the garbage collector frees it with its delegate. Registers are 64-bit locals, which RyuJIT keeps in
// processor registers; the stack is one struct local of fixed size, r10 its end. Only reachable instructions are emitted.
//
// What makes this safe is the verifier, not this code: addresses are used as they come, nothing is tested again, the stack
// frame is not zeroed (the verifier lets no program read what it has not written), and nothing bounds the run time (the verifier has
// proven it).
//
// SAFETY: see the paragraph above; the addresses of maps in the code stay good because the delegate holds the maps.
//
// Facts of the verifier that make it fast: the map known at a helper call turns the call into a direct one of a method for
// that type and key size, which RyuJIT inlines with the map's address as a constant; the clock is a load from the context.
//
// Refused alternatives, all measured before: own x86-64 code (a transition per call and per helper), collectible
// assemblies (more memory, more time to compile, no faster), one method for all functions (would need an own return stack).
//
// RyuJIT silently stops optimising a method with more than about 8,000 references to locals, 2,000 basic blocks or 60,000 bytes of
// IL, that is at about 3,600 instructions; the code is then 2.5 to 4.5 times slower. A function near these limits is cut into several methods
// (FunctionParts).

/// <summary>Compiles verified programs. Stateless; any thread, but not a packet thread: it takes milliseconds.</summary>
public static unsafe class IlCompiler
{
    private delegate ulong LocalFunction(FilterContext* context, ulong r1, ulong r2, ulong r3, ulong r4, ulong r5);

    private delegate int PartMethod(FilterContext* context, ulong* registers, int entry);

    private static readonly Type[] EntryParameters = [typeof(object), typeof(FilterContext*)];

    private static readonly Type[] FunctionParameters =
        [typeof(FilterContext*), typeof(ulong), typeof(ulong), typeof(ulong), typeof(ulong), typeof(ulong)];

    /// <summary>Compiles a program down to machine code.</summary>
    /// <param name="program">A program that the verifier accepted.</param>
    /// <param name="maps">One map per definition of the program, in the same order. The machine code holds their addresses:
    /// they must live until the last call is over.</param>
    /// <exception cref="InvalidOperationException">An instruction that the verifier never lets through.</exception>
    public static CompiledProgram Compile(VerifiedProgram program, IReadOnlyList<BpfMap> maps) =>
        Compile(program, maps, FunctionParts.MaxWeight, FunctionParts.PartWeight);

    /// <summary>As above, with the size at which a function is split, and into what, for tests.</summary>
    internal static CompiledProgram Compile(VerifiedProgram program, IReadOnlyList<BpfMap> maps, int maxWeight, int partWeight)
    {
        var functions = new Dictionary<int, DynamicMethod>();
        foreach (int start in program.FunctionStarts)
        {
            functions[start] = start == 0
                ? Define($"filter {program.Name}", EntryParameters)
                : Define($"filter {program.Name}, slot {start}", FunctionParameters);
        }

        int ilBytes = 0;
        var partMethods = new List<DynamicMethod>();
        foreach (int start in program.FunctionStarts)
        {
            FunctionFlow flow = FunctionFlow.Find(program, start);
            FunctionParts? parts = FunctionParts.Plan(program, flow, maxWeight, partWeight);
            ilBytes += new IlFunction(program, maps, functions, flow, parts).Emit();
            foreach (FunctionPart part in parts?.Parts ?? [])
            {
                ilBytes += new IlFunction(program, maps, functions, flow, parts, part).Emit();
                partMethods.Add(part.Method);
            }
        }

        // A method is compiled when it is first called, unless it is asked for before: no packet shall wait for the compiler.
        foreach (DynamicMethod part in partMethods)
        {
            RuntimeHelpers.PrepareDelegate(part.CreateDelegate<PartMethod>());
        }

        foreach ((int start, DynamicMethod function) in functions)
        {
            if (start != 0)
            {
                RuntimeHelpers.PrepareDelegate(function.CreateDelegate<LocalFunction>());
            }
        }

        // Closed over an object: an open delegate to a static method would shuffle its arguments on every call. That
        // object keeps the maps alive for as long as the code.
        var owner = new List<BpfMap>(maps);
        var method = functions[0].CreateDelegate<FilterMethod>(owner);
        RuntimeHelpers.PrepareDelegate(method);
        return new CompiledProgram(method, ilBytes, CompileScout(program, owner, maxWeight, partWeight));
    }

    // SAFETY: the header lives as long as the map.
    private static FilterMethod? CompileScout(VerifiedProgram program, List<BpfMap> maps, int maxWeight, int partWeight)
    {
        if (!maps.Exists(static map => map is HashMap && HashTable.IsWorthPrefetching((MapHeader*)map.Handle)))
        {
            return null;
        }

        FunctionFlow flow = FunctionFlow.Find(program, 0);
        DynamicMethod method = Define($"scout {program.Name}", EntryParameters);
        if (FunctionParts.Plan(program, flow, maxWeight, partWeight) is not null
            || !new IlFunction(program, maps, new Dictionary<int, DynamicMethod> { [0] = method }, flow).TryEmitScout())
        {
            return null;
        }

        var scout = method.CreateDelegate<FilterMethod>(maps);
        RuntimeHelpers.PrepareDelegate(scout);
        return scout;
    }

    /// <summary>Compiles a trivial program and uses a map, so that the first real program does not pay for loading the compiler
    /// (16 to 25 ms) and the first packet not for compiling the helpers.</summary>
    public static void WarmUp()
    {
        Compile(
            RawProgram.Wrap([new Instruction(Opcode.Mov64Immediate, 0, 0, 0, 0), new Instruction(Opcode.Exit, 0, 0, 0, 0)]), []);
        foreach (MapType type in new[] { MapType.Hash, MapType.Array })
        {
            using var map = BpfMap.Create(new MapSpec("warm-up", type, 4, 8, 4, 0));
            map.Update(new byte[4], new byte[8], MapUpdateFlags.Any);
            map.TryLookup(new byte[4], new byte[8]);
            map.Delete(new byte[4]);
        }
    }

    private static DynamicMethod Define(string name, Type[] parameters) =>
        new(name, typeof(ulong), parameters, typeof(IlCompiler).Module, skipVisibility: true) { InitLocals = false };
}
