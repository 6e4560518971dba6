using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Oko.Datapath.Packet;

namespace Oko.Datapath.Tables;

/// <summary>A mask made for hashing and comparing keys, in memory that does not move. Immutable; any thread.</summary>
internal sealed unsafe class KeyMask
{
    private static readonly ulong[] Secrets = MakeSecrets();

    // Pinned: read by address.
    private readonly MaskForm[] _form = GC.AllocateArray<MaskForm>(1, pinned: true);

    /// <summary>Prepares a mask.</summary>
    internal KeyMask(ReadOnlySpan<ulong> mask)
    {
        fixed (MaskForm* form = _form)
        {
            Form = form;
        }

        for (var block = 0; block < MaskForm.MaxBlocks; block++)
        {
            var words = mask.Slice(block * MaskForm.BlockWords, MaskForm.BlockWords);
            if (words.ContainsAnyExcept(0UL))
            {
                Form->Add(block, words, Secrets.AsSpan(block * MaskForm.BlockWords, MaskForm.BlockWords));
            }
        }
    }

    /// <summary>The mask. SAFETY: lives as long as this object.</summary>
    internal MaskForm* Form { get; }

    private static ulong[] MakeSecrets()
    {
        var secrets = new ulong[FlowKey.WordCount];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(secrets.AsSpan()));
        return secrets;
    }
}
