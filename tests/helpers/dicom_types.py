"""Attributes that DICOM demands, from the tables of PS3.3: type 1 has a value, type 2 exists.

Written from the standard for the tests, not from the code under test. A path leads through
sequences: all items have the attribute, unless an index picks one.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

# Patient, General Study, Series, Equipment and SOP Common modules (C.7.1, C.7.2, C.7.3, C.7.5,
# C.12.1), Frame of Reference (C.7.4.1).
_COMMON = {
    "SOPClassUID": 1, "SOPInstanceUID": 1, "SpecificCharacterSet": 1,
    "PatientName": 2, "PatientID": 2, "PatientBirthDate": 2, "PatientSex": 2,
    "StudyInstanceUID": 1, "StudyDate": 2, "StudyTime": 2, "ReferringPhysicianName": 2,
    "StudyID": 2, "AccessionNumber": 2,
    "Modality": 1, "SeriesInstanceUID": 1, "SeriesNumber": 2,
    "Manufacturer": 2, "InstanceNumber": 2,
    "FrameOfReferenceUID": 1, "PositionReferenceIndicator": 2,
}  # fmt: skip
# Image Plane and Image Pixel (C.7.6.2, C.7.6.3).
_IMAGE = {
    "PixelSpacing": 1, "ImageOrientationPatient": 1, "ImagePositionPatient": 1,
    "SliceThickness": 2, "SamplesPerPixel": 1, "PhotometricInterpretation": 1, "Rows": 1,
    "Columns": 1, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 1, "PixelRepresentation": 1,
    "PixelData": 1,
}  # fmt: skip
# CT Image (C.8.2.1), patient position of the General Series (C.7.3.1).
CT = _COMMON | _IMAGE | {
    "ImageType": 1, "RescaleIntercept": 1, "RescaleSlope": 1, "RescaleType": 1, "KVP": 2,
    "AcquisitionNumber": 2, "PatientPosition": 2,
}  # fmt: skip
# RT Dose (C.8.8.3), Multi-frame (C.7.6.6), RT Series (C.8.8.1).
DOSE = _COMMON | _IMAGE | {
    "OperatorsName": 2, "NumberOfFrames": 1, "FrameIncrementPointer": 1, "DoseUnits": 1,
    "DoseType": 1, "DoseSummationType": 1, "GridFrameOffsetVector": 1, "DoseGridScaling": 1,
    "ReferencedRTPlanSequence/ReferencedSOPClassUID": 1,
    "ReferencedRTPlanSequence/ReferencedSOPInstanceUID": 1,
}  # fmt: skip
# Structure Set (C.8.8.5), ROI Contour (C.8.8.6), RT ROI Observations (C.8.8.8), Approval.
STRUCTURES = _COMMON | {
    "OperatorsName": 2, "StructureSetLabel": 1, "StructureSetDate": 2, "StructureSetTime": 2,
    "ReferencedFrameOfReferenceSequence/FrameOfReferenceUID": 1,
    "StructureSetROISequence/ROINumber": 1,
    "StructureSetROISequence/ReferencedFrameOfReferenceUID": 1,
    "StructureSetROISequence/ROIName": 2,
    "StructureSetROISequence/ROIGenerationAlgorithm": 2,
    "ROIContourSequence/ReferencedROINumber": 1,
    "ROIContourSequence/ContourSequence/ContourGeometricType": 1,
    "ROIContourSequence/ContourSequence/NumberOfContourPoints": 1,
    "ROIContourSequence/ContourSequence/ContourData": 1,
    "ROIContourSequence/ContourSequence/ContourImageSequence/ReferencedSOPInstanceUID": 1,
    "RTROIObservationsSequence/ObservationNumber": 1,
    "RTROIObservationsSequence/ReferencedROINumber": 1,
    "RTROIObservationsSequence/RTROIInterpretedType": 2,
    "RTROIObservationsSequence/ROIInterpreter": 2,
    "ApprovalStatus": 1,
}  # fmt: skip
_BEAM = "BeamSequence/"
_START = "BeamSequence/ControlPointSequence[0]/"
# RT General Plan (C.8.8.9), Prescription (.10), Patient Setup (.12), Fraction Scheme (.13),
# Beams (.14).
PLAN = _COMMON | {
    "OperatorsName": 2, "RTPlanLabel": 1, "RTPlanDate": 2, "RTPlanTime": 2, "RTPlanGeometry": 1,
    "ApprovalStatus": 1,
    "ReferencedStructureSetSequence/ReferencedSOPClassUID": 1,
    "ReferencedStructureSetSequence/ReferencedSOPInstanceUID": 1,
    "DoseReferenceSequence/DoseReferenceNumber": 1,
    "DoseReferenceSequence/DoseReferenceStructureType": 1,
    "DoseReferenceSequence/ReferencedROINumber": 1,
    "DoseReferenceSequence/DoseReferenceType": 1,
    "PatientSetupSequence/PatientSetupNumber": 1, "PatientSetupSequence/PatientPosition": 1,
    "FractionGroupSequence/FractionGroupNumber": 1,
    "FractionGroupSequence/NumberOfFractionsPlanned": 2,
    "FractionGroupSequence/NumberOfBeams": 1,
    "FractionGroupSequence/NumberOfBrachyApplicationSetups": 1,
    "FractionGroupSequence/ReferencedBeamSequence/ReferencedBeamNumber": 1,
    _BEAM + "BeamNumber": 1, _BEAM + "BeamType": 1, _BEAM + "RadiationType": 2,
    _BEAM + "TreatmentMachineName": 2, _BEAM + "NumberOfWedges": 1,
    _BEAM + "NumberOfCompensators": 1, _BEAM + "NumberOfBoli": 1, _BEAM + "NumberOfBlocks": 1,
    _BEAM + "FinalCumulativeMetersetWeight": 1, _BEAM + "NumberOfControlPoints": 1,
    _BEAM + "BeamLimitingDeviceSequence/RTBeamLimitingDeviceType": 1,
    _BEAM + "BeamLimitingDeviceSequence/NumberOfLeafJawPairs": 1,
    _BEAM + "ControlPointSequence/ControlPointIndex": 1,
    _BEAM + "ControlPointSequence/CumulativeMetersetWeight": 2,
    _START + "GantryAngle": 1, _START + "GantryRotationDirection": 1,
    _START + "BeamLimitingDeviceAngle": 1, _START + "BeamLimitingDeviceRotationDirection": 1,
    _START + "PatientSupportAngle": 1, _START + "PatientSupportRotationDirection": 1,
    _START + "TableTopEccentricAngle": 1, _START + "TableTopEccentricRotationDirection": 1,
    _START + "TableTopPitchAngle": 1, _START + "TableTopPitchRotationDirection": 1,
    _START + "TableTopRollAngle": 1, _START + "TableTopRollRotationDirection": 1,
    _START + "TableTopVerticalPosition": 2, _START + "TableTopLongitudinalPosition": 2,
    _START + "TableTopLateralPosition": 2, _START + "IsocenterPosition": 2,
    _START + "BeamLimitingDevicePositionSequence/LeafJawPositions": 1,
}  # fmt: skip


def violations(dataset: Dataset, table: dict[str, int]) -> list[str]:
    """Paths of a table that the dataset breaks."""
    broken = []
    for path, kind in table.items():
        items = list(_reached(dataset, path.split("/")[:-1]))
        keyword = path.rsplit("/", 1)[-1]
        for item in items:
            value = item.get(keyword)
            absent = keyword not in item
            empty = value is None or (hasattr(value, "__len__") and len(value) == 0)
            if absent or (kind == 1 and empty):
                broken.append(path)
        if not items:
            broken.append(f"{path}: no item")
    return broken


def _reached(dataset: Dataset, steps: list[str]) -> Iterator[Dataset]:
    if not steps:
        yield dataset
        return
    keyword, _, index = steps[0].rstrip("]").partition("[")
    items = list(dataset.get(keyword) or ())
    for item in [items[int(index)]] if index else items:
        yield from _reached(item, steps[1:])
