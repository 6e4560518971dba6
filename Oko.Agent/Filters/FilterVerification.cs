using Oko.Bpf.Elf;
using Oko.Bpf.Loading;
using Oko.Bpf.Verifier;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Filters;

/// <summary>Object bytes to a verified program, with refusals in the words of the Oko extension. Stateless; any thread.</summary>
public static class FilterVerification
{
    /// <summary>Reads, relocates and verifies.</summary>
    /// <param name="filterId">For the error, 0 if there is none.</param>
    /// <param name="elf">The whole object.</param>
    /// <param name="entry">Name of the program, null = the object's only one.</param>
    /// <exception cref="OkoErrorException">OBJECT_INVALID, or PROGRAM_REFUSED with the verifier's verdict and slot.</exception>
    public static VerifiedProgram Verify(uint filterId, byte[] elf, string? entry)
    {
        try
        {
            return FilterLoader.Load(elf, string.IsNullOrEmpty(entry) ? null : entry);
        }
        catch (ElfFormatException exception)
        {
            throw new OkoErrorException(OkoErrorType.ObjectInvalid, filterId, exception.Message);
        }
        catch (VerificationException exception)
        {
            var report = exception.Report;
            throw new OkoErrorException(new OkoError(
                OkoErrorType.ProgramRefused, filterId, report.Slot < 0 ? OkoExperimenter.NoSlot : (uint)report.Slot,
                report.Verdict switch
                {
                    VerifierVerdict.Unsafe => OkoVerdict.Unsafe,
                    VerifierVerdict.CannotProve => OkoVerdict.CannotProve,
                    _ => OkoVerdict.NotSupported,
                },
                report.ToString(verbose: false)));
        }
    }
}
