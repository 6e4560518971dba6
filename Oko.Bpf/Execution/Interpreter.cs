using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

// SAFETY: Run trusts the verifier like compiled code; RunChecked asks the guard before every access. Jump targets are slots of the
// program or the invalid operation behind it (Predecoder), register numbers were checked there, and the call depth is bounded.

/// <summary>Runs a program one instruction after the other. The oracle of the compiler's and the verifier's tests, and the way
/// to run a program once. Immutable after construction; a run belongs to its thread.</summary>
/// <remarks>
/// <see cref="Run"/> trusts the program as compiled code does. <see cref="RunChecked"/> tests each access against what a
/// filter may touch and each register for being written before it is read: if a program that the verifier accepted ever
/// ends there in a violation, the verifier is wrong.
/// </remarks>
public sealed unsafe class Interpreter
{
    /// <summary>The budget when none is given, in instructions.</summary>
    public const long DefaultBudget = 1_000_000;

    private readonly Operation[] _operations;
    private readonly EntryConvention _convention;
    private readonly int _stackBytes;
    private readonly BpfMap[] _maps;

    /// <summary>Predecodes a program.</summary>
    /// <param name="program">The program; its maps are named by index.</param>
    /// <param name="maps">One map per definition of the program, in the same order. The caller keeps them alive.</param>
    public Interpreter(VerifiedProgram program, IReadOnlyList<BpfMap> maps)
    {
        _operations = Predecoder.Predecode(program, maps);
        _convention = program.Convention;
        _stackBytes = (program.StackBytes + 7) & ~7;
        _maps = [.. maps];
    }

    /// <summary>Runs the program without any check but the budget. Allocates nothing.</summary>
    /// <param name="context">The packet; fixed in memory during the run.</param>
    /// <param name="budget">Most instructions to execute.</param>
    public ExecutionOutcome Run(FilterContext* context, long budget = DefaultBudget)
    {
        var guard = default(TrustingGuard);
        return Execute(context, budget, ref guard);
    }

    /// <summary>Runs the program and tests every access. Allocates; slow.</summary>
    /// <param name="context">The packet; fixed in memory during the run.</param>
    /// <param name="violation">What was touched and where, when the status is not Completed; else null.</param>
    /// <param name="budget">Most instructions to execute.</param>
    public ExecutionOutcome RunChecked(FilterContext* context, out string? violation, long budget = DefaultBudget)
    {
        var guard = new CheckingGuard(context, _convention, _maps);
        ExecutionOutcome outcome = Execute(context, budget, ref guard);
        violation = outcome.Status == ExecutionStatus.Completed ? null
            : $"slot {outcome.Slot}: {guard.Violation ?? outcome.Status.ToString()}";
        return outcome;
    }

    [SkipLocalsInit]
    private ExecutionOutcome Execute<TGuard>(FilterContext* context, long budget, ref TGuard guard)
        where TGuard : struct, IExecutionGuard
    {
        ulong* registers = stackalloc ulong[Operation.ImmediateRegister + 1];
        byte* stack = stackalloc byte[Register.StackFrameBytes * Register.MaxCallDepth];
        ulong* saved = stackalloc ulong[5 * Register.MaxCallDepth];
        Repetition* repetitions = stackalloc Repetition[Register.MaxCallDepth];
        byte* stackEnd = stack + (Register.StackFrameBytes * Register.MaxCallDepth);
        int depth = 0;
        int slot = 0;
        long left = budget;
        ExecutionStatus status;

        new Span<ulong>(registers, Operation.ImmediateRegister + 1).Clear();
        registers[1] = _convention == EntryConvention.Oko ? (ulong)context->Packet : (ulong)context;
        registers[2] = _convention == EntryConvention.Oko ? context->Length : 0;
        registers[Register.FramePointer] = (ulong)stackEnd;
        ClearFrame(stackEnd);
        new Span<Repetition>(repetitions, Register.MaxCallDepth).Clear();
        guard.Start(stackEnd);

        fixed (Operation* operations = _operations)
        {
            while (true)
            {
                Operation* op = operations + slot;
                if (--left < 0)
                {
                    status = ExecutionStatus.BudgetExhausted;
                    break;
                }

                if (!guard.Begin(op))
                {
                    status = guard.Status;
                    break;
                }

                registers[Operation.ImmediateRegister] = (ulong)op->Immediate;
                ref ulong dst = ref registers[op->Dst];
                ulong src = registers[op->Src];
                int next = slot + op->Slots;
                bool jump = false;
                switch (op->Kind)
                {
                    case OperationKind.Add64: dst += src; break;
                    case OperationKind.Sub64: dst -= src; break;
                    case OperationKind.Mul64: dst *= src; break;
                    case OperationKind.Div64: dst = Arithmetic.Divide64(dst, src); break;
                    case OperationKind.SDiv64: dst = Arithmetic.DivideSigned64(dst, src); break;
                    case OperationKind.Mod64: dst = Arithmetic.Modulo64(dst, src); break;
                    case OperationKind.SMod64: dst = Arithmetic.ModuloSigned64(dst, src); break;
                    case OperationKind.Or64: dst |= src; break;
                    case OperationKind.And64: dst &= src; break;
                    case OperationKind.Xor64: dst ^= src; break;
                    case OperationKind.Lsh64: dst <<= (int)src & 63; break;
                    case OperationKind.Rsh64: dst >>= (int)src & 63; break;
                    case OperationKind.Arsh64: dst = (ulong)((long)dst >> ((int)src & 63)); break;
                    case OperationKind.Neg64: dst = 0 - dst; break;
                    case OperationKind.Mov64: dst = src; break;

                    case OperationKind.Add32: dst = (uint)dst + (uint)src; break;
                    case OperationKind.Sub32: dst = (uint)dst - (uint)src; break;
                    case OperationKind.Mul32: dst = (uint)dst * (uint)src; break;
                    case OperationKind.Div32: dst = Arithmetic.Divide32((uint)dst, (uint)src); break;
                    case OperationKind.SDiv32: dst = Arithmetic.DivideSigned32((uint)dst, (uint)src); break;
                    case OperationKind.Mod32: dst = Arithmetic.Modulo32((uint)dst, (uint)src); break;
                    case OperationKind.SMod32: dst = Arithmetic.ModuloSigned32((uint)dst, (uint)src); break;
                    case OperationKind.Or32: dst = (uint)(dst | src); break;
                    case OperationKind.And32: dst = (uint)(dst & src); break;
                    case OperationKind.Xor32: dst = (uint)(dst ^ src); break;
                    case OperationKind.Lsh32: dst = (uint)dst << ((int)src & 31); break;
                    case OperationKind.Rsh32: dst = (uint)dst >> ((int)src & 31); break;
                    case OperationKind.Arsh32: dst = (uint)((int)dst >> ((int)src & 31)); break;
                    case OperationKind.Neg32: dst = 0 - (uint)dst; break;
                    case OperationKind.Mov32: dst = (uint)src; break;

                    case OperationKind.SignExtend8To64: dst = (ulong)(sbyte)src; break;
                    case OperationKind.SignExtend16To64: dst = (ulong)(short)src; break;
                    case OperationKind.SignExtend32To64: dst = (ulong)(int)src; break;
                    case OperationKind.SignExtend8To32: dst = (uint)(sbyte)src; break;
                    case OperationKind.SignExtend16To32: dst = (uint)(short)src; break;
                    case OperationKind.ZeroExtend16: dst = (ushort)dst; break;
                    case OperationKind.ZeroExtend32: dst = (uint)dst; break;
                    case OperationKind.Nothing: break;
                    case OperationKind.Swap16: dst = BinaryPrimitives.ReverseEndianness((ushort)dst); break;
                    case OperationKind.Swap32: dst = BinaryPrimitives.ReverseEndianness((uint)dst); break;
                    case OperationKind.Swap64: dst = BinaryPrimitives.ReverseEndianness(dst); break;

                    case OperationKind.Jump: jump = true; break;
                    case OperationKind.Equal64: jump = dst == src; break;
                    case OperationKind.NotEqual64: jump = dst != src; break;
                    case OperationKind.Greater64: jump = dst > src; break;
                    case OperationKind.GreaterOrEqual64: jump = dst >= src; break;
                    case OperationKind.Less64: jump = dst < src; break;
                    case OperationKind.LessOrEqual64: jump = dst <= src; break;
                    case OperationKind.BitsSet64: jump = (dst & src) != 0; break;
                    case OperationKind.SignedGreater64: jump = (long)dst > (long)src; break;
                    case OperationKind.SignedGreaterOrEqual64: jump = (long)dst >= (long)src; break;
                    case OperationKind.SignedLess64: jump = (long)dst < (long)src; break;
                    case OperationKind.SignedLessOrEqual64: jump = (long)dst <= (long)src; break;
                    case OperationKind.Equal32: jump = (uint)dst == (uint)src; break;
                    case OperationKind.NotEqual32: jump = (uint)dst != (uint)src; break;
                    case OperationKind.Greater32: jump = (uint)dst > (uint)src; break;
                    case OperationKind.GreaterOrEqual32: jump = (uint)dst >= (uint)src; break;
                    case OperationKind.Less32: jump = (uint)dst < (uint)src; break;
                    case OperationKind.LessOrEqual32: jump = (uint)dst <= (uint)src; break;
                    case OperationKind.BitsSet32: jump = (uint)(dst & src) != 0; break;
                    case OperationKind.SignedGreater32: jump = (int)dst > (int)src; break;
                    case OperationKind.SignedGreaterOrEqual32: jump = (int)dst >= (int)src; break;
                    case OperationKind.SignedLess32: jump = (int)dst < (int)src; break;
                    case OperationKind.SignedLessOrEqual32: jump = (int)dst <= (int)src; break;

                    case OperationKind.Load8 or OperationKind.Load16 or OperationKind.Load32 or OperationKind.Load64 or
                        OperationKind.LoadSigned8 or OperationKind.LoadSigned16 or OperationKind.LoadSigned32:
                        byte* source = (byte*)src + op->Offset;
                        if (!guard.CanRead(source, AccessSize(op->Kind)))
                        {
                            status = guard.Status;
                            goto end;
                        }

                        dst = Load(op->Kind, source);
                        break;

                    case OperationKind.Store8 or OperationKind.Store16 or OperationKind.Store32 or OperationKind.Store64:
                        byte* target = (byte*)dst + op->Offset;
                        if (!guard.CanWrite(target, AccessSize(op->Kind)))
                        {
                            status = guard.Status;
                            goto end;
                        }

                        Store(op->Kind, target, src);
                        break;

                    case OperationKind.Atomic32 or OperationKind.Atomic64:
                        byte* cell = (byte*)dst + op->Offset;
                        if (!guard.CanModifyAtomically(cell, op->Kind == OperationKind.Atomic32 ? 4u : 8u))
                        {
                            status = guard.Status;
                            goto end;
                        }

                        Modify(op, cell, registers);
                        break;

                    case OperationKind.PacketLoad8 or OperationKind.PacketLoad16 or OperationKind.PacketLoad32:
                        uint size = AccessSize(op->Kind);
                        ulong offset = (uint)src + (uint)op->Offset;
                        if (offset + size > context->Length)
                        {
                            // Out of the packet: the function returns 0 (kernel, Documentation/bpf/classic_vs_extended.rst).
                            registers[Register.Result] = 0;
                            goto case OperationKind.Exit;
                        }

                        registers[Register.Result] = LoadBigEndian(context->Packet + offset, size);
                        break;

                    case OperationKind.CallLocal:
                        if (depth + 1 == Register.MaxCallDepth)
                        {
                            status = ExecutionStatus.CallDepthExceeded;
                            goto end;
                        }

                        Enter(saved + (5 * depth++), next, registers);
                        guard.EnterFunction();
                        next = op->Offset;
                        break;

                    case OperationKind.Loop or OperationKind.ForEach:
                        if (depth + 1 == Register.MaxCallDepth)
                        {
                            status = ExecutionStatus.CallDepthExceeded;
                            goto end;
                        }

                        Repetition* started = repetitions + depth + 1;
                        registers[Register.Result] = started->Start(op, context->Worker, registers);
                        if (!started->IsActive)
                        {
                            guard.SkipCallback();
                            break;
                        }

                        Enter(saved + (5 * depth++), next, registers);
                        started->SetArguments(registers);
                        guard.EnterCallback(started->Arguments, started->Cursor.Key, started->KeySize);
                        next = op->Offset;
                        break;

                    case OperationKind.Exit:
                        if (depth == 0)
                        {
                            return new ExecutionOutcome(ExecutionStatus.Completed, registers[0], budget - left, slot);
                        }

                        Repetition* round = repetitions + depth;
                        if (round->IsActive && round->GoesOn(registers))
                        {
                            ClearFrame((byte*)registers[Register.FramePointer]);
                            round->SetArguments(registers);
                            guard.LeaveFunction();
                            guard.EnterCallback(round->Arguments, round->Cursor.Key, round->KeySize);
                            next = round->Callback;
                            break;
                        }

                        ulong* caller = saved + (5 * --depth);
                        next = (int)caller[0];
                        new Span<ulong>(caller + 1, 4).CopyTo(new Span<ulong>(registers + Register.FirstCalleeSaved, 4));
                        registers[Register.FramePointer] += Register.StackFrameBytes;
                        guard.LeaveFunction();
                        break;

                    case OperationKind.MapLookup or OperationKind.MapUpdate or OperationKind.MapUpdateAny or
                        OperationKind.MapDelete:
                        if (!guard.CanCallMapHelper(op->Kind, registers))
                        {
                            status = guard.Status;
                            goto end;
                        }

                        registers[Register.Result] = CallMapHelper(op->Kind, context->Worker, registers);
                        break;

                    case OperationKind.KtimeGetNs:
                        registers[Register.Result] = context->TimeNanoseconds;
                        break;

                    case OperationKind.Worker:
                        registers[Register.Result] = context->Worker;
                        break;

                    case OperationKind.Helper:
                        if (!guard.CanCallHelper(op->Helper, registers))
                        {
                            status = guard.Status;
                            goto end;
                        }

                        ulong argument = registers[2];
                        registers[Register.Result] = CallHelper(op->Helper, context, registers);
                        guard.Called(op->Helper, argument, registers[Register.Result]);
                        break;

                    case OperationKind.CallRegister:
                        // Exists for unverified programs only, which cannot be trusted with pointers: no helper is reached
                        // this way but the one without arguments.
                        registers[Register.Result] = dst == (ulong)HelperId.KtimeGetNs ? context->TimeNanoseconds : 0;
                        break;

                    default:
                        status = ExecutionStatus.InvalidInstruction;
                        goto end;
                }

                guard.End(op);
                slot = jump ? op->Offset : next;
            }

        end:
            return new ExecutionOutcome(status, 0, budget - left, slot);
        }
    }

    // The verifier lets no program read stack it has not written; the interpreter still never shows another run's data.
    private void ClearFrame(byte* frameEnd) => new Span<byte>(frameEnd - _stackBytes, _stackBytes).Clear();

    private static uint AccessSize(OperationKind kind) => kind switch
    {
        OperationKind.Load8 or OperationKind.LoadSigned8 or OperationKind.Store8 or OperationKind.PacketLoad8 => 1,
        OperationKind.Load16 or OperationKind.LoadSigned16 or OperationKind.Store16 or OperationKind.PacketLoad16 => 2,
        OperationKind.Load32 or OperationKind.LoadSigned32 or OperationKind.Store32 or OperationKind.PacketLoad32 => 4,
        _ => 8,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Load(OperationKind kind, byte* address) => kind switch
    {
        OperationKind.Load8 => *address,
        OperationKind.Load16 => *(ushort*)address,
        OperationKind.Load32 => *(uint*)address,
        OperationKind.Load64 => *(ulong*)address,
        OperationKind.LoadSigned8 => (ulong)*(sbyte*)address,
        OperationKind.LoadSigned16 => (ulong)*(short*)address,
        _ => (ulong)*(int*)address,
    };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(OperationKind kind, byte* address, ulong value)
    {
        switch (kind)
        {
            case OperationKind.Store8:
                *address = (byte)value;
                break;
            case OperationKind.Store16:
                *(ushort*)address = (ushort)value;
                break;
            case OperationKind.Store32:
                *(uint*)address = (uint)value;
                break;
            default:
                *(ulong*)address = value;
                break;
        }
    }

    private static ulong LoadBigEndian(byte* address, uint size) => size switch
    {
        1 => *address,
        2 => BinaryPrimitives.ReverseEndianness(*(ushort*)address),
        _ => BinaryPrimitives.ReverseEndianness(*(uint*)address),
    };

    private static void Modify(Operation* op, byte* cell, ulong* registers)
    {
        ulong operand = registers[op->Src];
        ulong old = op->Kind == OperationKind.Atomic64
            ? (int)op->Variant switch
            {
                AtomicOperation.Exchange => Atomics.Exchange64(cell, operand),
                AtomicOperation.CompareExchange => Atomics.CompareExchange64(cell, operand, registers[Register.Result]),
                AtomicOperation.Add or AtomicOperation.Add | AtomicOperation.Fetch => Atomics.Add64(cell, operand),
                AtomicOperation.Or or AtomicOperation.Or | AtomicOperation.Fetch => Atomics.Or64(cell, operand),
                AtomicOperation.And or AtomicOperation.And | AtomicOperation.Fetch => Atomics.And64(cell, operand),
                _ => Atomics.Xor64(cell, operand),
            }
            : (int)op->Variant switch
            {
                AtomicOperation.Exchange => Atomics.Exchange32(cell, (uint)operand),
                AtomicOperation.CompareExchange =>
                    Atomics.CompareExchange32(cell, (uint)operand, (uint)registers[Register.Result]),
                AtomicOperation.Add or AtomicOperation.Add | AtomicOperation.Fetch => Atomics.Add32(cell, (uint)operand),
                AtomicOperation.Or or AtomicOperation.Or | AtomicOperation.Fetch => Atomics.Or32(cell, (uint)operand),
                AtomicOperation.And or AtomicOperation.And | AtomicOperation.Fetch => Atomics.And32(cell, (uint)operand),
                _ => Atomics.Xor32(cell, (uint)operand),
            };

        if (op->Variant == AtomicOperation.CompareExchange)
        {
            registers[Register.Result] = old;
        }
        else if ((op->Variant & AtomicOperation.Fetch) != 0)
        {
            registers[op->Src] = old;
        }
    }

    // A function begins: r6 to r9 are saved, r10 is the end of the next frame further down.
    private void Enter(ulong* frame, int returnsTo, ulong* registers)
    {
        frame[0] = (uint)returnsTo;
        new Span<ulong>(registers + Register.FirstCalleeSaved, 4).CopyTo(new Span<ulong>(frame + 1, 4));
        registers[Register.FramePointer] -= Register.StackFrameBytes;
        ClearFrame((byte*)registers[Register.FramePointer]);
    }

    private static ulong CallHelper(HelperId helper, FilterContext* context, ulong* registers) => helper switch
    {
        HelperId.GetPrandomU32 => HelperFunctions.Random(),
        HelperId.TracePrintk => (ulong)TraceBuffer.Write(
            (byte*)registers[1], registers[2], registers[3], registers[4], registers[5], context->TimeNanoseconds),
        HelperId.OkoMapAdd => (ulong)MapOperations.Add((MapHeader*)registers[1], (byte*)registers[2]),
        HelperId.OkoPrintf => (ulong)TraceBuffer.WriteString((byte*)registers[1], registers[2], registers[3], registers[4], context->TimeNanoseconds),
        HelperId.Jiffies64 => HelperFunctions.Jiffies(context),
        HelperId.CsumDiff => HelperFunctions.CsumDiff((byte*)registers[1], registers[2], (byte*)registers[3], registers[4], registers[5]),
        HelperId.StringCompare => HelperFunctions.StringCompare((byte*)registers[1], registers[2], (byte*)registers[3]),
        HelperId.MapPush => (ulong)MapOperations.Push((MapHeader*)registers[1], (byte*)registers[2], registers[3]),
        HelperId.MapPop => (ulong)MapOperations.Pop((MapHeader*)registers[1], (byte*)registers[2]),
        HelperId.MapPeek => (ulong)MapOperations.Peek((MapHeader*)registers[1], (byte*)registers[2]),
        HelperId.RingBufferOutput => (ulong)RingBuffer.Output((MapHeader*)registers[1], (byte*)registers[2], registers[3], registers[4]),
        HelperId.RingBufferReserve => (ulong)RingBuffer.Reserve((MapHeader*)registers[1], registers[2], registers[3]),
        HelperId.RingBufferSubmit => GiveBack((byte*)registers[1], isWanted: true),
        HelperId.RingBufferDiscard => GiveBack((byte*)registers[1], isWanted: false),
        HelperId.RingBufferQuery => RingBuffer.Query((MapHeader*)registers[1], registers[2]),
        _ => HelperFunctions.Hash((byte*)registers[1], registers[2]),
    };

    private static ulong GiveBack(byte* record, bool isWanted)
    {
        if (isWanted)
        {
            RingBuffer.Submit(record, 0);
        }
        else
        {
            RingBuffer.Discard(record, 0);
        }

        return 0;
    }

    private static ulong CallMapHelper(OperationKind kind, uint worker, ulong* registers)
    {
        var map = (MapHeader*)registers[1];
        byte* key = (byte*)registers[2];
        return kind switch
        {
            OperationKind.MapLookup => (ulong)MapOperations.Lookup(map, key, worker),
            OperationKind.MapUpdate => (ulong)MapOperations.Update(map, key, (byte*)registers[3], registers[4], worker),
            OperationKind.MapUpdateAny => (ulong)MapOperations.Update(map, key, (byte*)registers[3], MapUpdateFlags.Any, worker),
            _ => (ulong)MapOperations.Delete(map, key),
        };
    }
}
