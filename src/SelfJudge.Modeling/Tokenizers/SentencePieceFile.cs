using Google.Protobuf;

namespace SelfJudge.Modeling.Tokenizers;

/// <summary>What a piece of a SentencePiece model is.</summary>
internal enum PieceType { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 }

internal readonly record struct SentencePiece(string Text, float Score, PieceType Type);

/// <summary>The parts of a SentencePiece model file that Microsoft.ML.Tokenizers reads but does not show: scores and types of the pieces, and the kind of model.</summary>
internal sealed record SentencePieceFile(IReadOnlyList<SentencePiece> Pieces, bool IsBytePair)
{
    // Field numbers of sentencepiece_model.proto. Fields that a file leaves out have proto2's defaults.
    private const int PiecesField = 1, TrainerField = 2, TextField = 1, ScoreField = 2, TypeField = 3, ModelTypeField = 3;
    private const int BytePairModel = 2, UnigramModel = 1;

    /// <exception cref="InvalidProtocolBufferException">These are not the bytes of such a file.</exception>
    public static SentencePieceFile Parse(byte[] bytes)
    {
        var (pieces, modelType) = (new List<SentencePiece>(), UnigramModel);
        var input = new CodedInputStream(bytes);
        while (input.ReadTag() is var tag and not 0)
            if (WireFormat.GetTagFieldNumber(tag) == PiecesField)
                pieces.Add(ParsePiece(input.ReadBytes().CreateCodedInput()));
            else if (WireFormat.GetTagFieldNumber(tag) == TrainerField)
                modelType = ParseModelType(input.ReadBytes().CreateCodedInput());
            else
                input.SkipLastField();
        return new SentencePieceFile(pieces, modelType == BytePairModel);
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

    private static int ParseModelType(CodedInputStream input)
    {
        var type = UnigramModel;
        while (input.ReadTag() is var tag and not 0)
            if (WireFormat.GetTagFieldNumber(tag) == ModelTypeField)
                type = input.ReadEnum();
            else
                input.SkipLastField();
        return type;
    }
}
