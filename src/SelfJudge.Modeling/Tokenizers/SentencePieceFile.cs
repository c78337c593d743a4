using Google.Protobuf;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>What a piece of a SentencePiece model is.</summary>
internal enum PieceType { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 }

internal readonly record struct SentencePiece(string Text, float Score, PieceType Type);

/// <summary>The parts of a SentencePiece model file that Microsoft.ML.Tokenizers reads but does not show: scores and types of the pieces,
/// the kind of model, and what it does with spaces.</summary>
internal sealed record SentencePieceFile(IReadOnlyList<SentencePiece> Pieces, bool IsBytePair, SentencePieceSpaces Spaces)
{
    // Field numbers of sentencepiece_model.proto. Fields that a file leaves out have proto2's defaults.
    private const int PiecesField = 1, TrainerField = 2, NormalizerField = 3;
    private const int TextField = 1, ScoreField = 2, TypeField = 3;
    private const int ModelTypeField = 3, SuffixField = 24;
    private const int DummyPrefixField = 3, ExtraSpacesField = 4, EscapeField = 5;
    private const int BytePairModel = 2, UnigramModel = 1;

    /// <exception cref="InvalidProtocolBufferException">These are not the bytes of such a file.</exception>
    public static SentencePieceFile Parse(byte[] bytes)
    {
        var (pieces, modelType, spaces) = (new List<SentencePiece>(), UnigramModel, new SentencePieceSpaces());
        var input = new CodedInputStream(bytes);
        while (input.ReadTag() is var tag and not 0)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case PiecesField: pieces.Add(ParsePiece(input.ReadBytes().CreateCodedInput())); break;
                case TrainerField: (modelType, spaces) = ParseTrainer(input.ReadBytes().CreateCodedInput(), spaces); break;
                case NormalizerField: spaces = ParseNormalizer(input.ReadBytes().CreateCodedInput(), spaces); break;
                default: input.SkipLastField(); break;
            }
        return new SentencePieceFile(pieces, modelType == BytePairModel, spaces);
    }

    private static SentencePiece ParsePiece(CodedInputStream input)
    {
        var piece = new SentencePiece("", 0, PieceType.Normal);
        while (input.ReadTag() is var tag and not 0)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case TextField: piece = piece with { Text = input.ReadString() }; break;
                case ScoreField: piece = piece with { Score = input.ReadFloat() }; break;
                case TypeField: piece = piece with { Type = (PieceType)input.ReadEnum() }; break;
                default: input.SkipLastField(); break;
            }
        return piece;
    }

    private static (int ModelType, SentencePieceSpaces Spaces) ParseTrainer(CodedInputStream input, SentencePieceSpaces spaces)
    {
        var type = UnigramModel;
        while (input.ReadTag() is var tag and not 0)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case ModelTypeField: type = input.ReadEnum(); break;
                case SuffixField: spaces = spaces with { IsSuffix = input.ReadBool() }; break;
                default: input.SkipLastField(); break;
            }
        return (type, spaces);
    }

    private static SentencePieceSpaces ParseNormalizer(CodedInputStream input, SentencePieceSpaces spaces)
    {
        while (input.ReadTag() is var tag and not 0)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case DummyPrefixField: spaces = spaces with { AddsDummyPrefix = input.ReadBool() }; break;
                case ExtraSpacesField: spaces = spaces with { RemovesExtra = input.ReadBool() }; break;
                case EscapeField: spaces = spaces with { Escapes = input.ReadBool() }; break;
                default: input.SkipLastField(); break;
            }
        return spaces;
    }
}
