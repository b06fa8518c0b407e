import java.security.Security;
import java.security.cert.X509Certificate;
import org.bouncycastle.asn1.ASN1BitString;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.ASN1String;
import org.bouncycastle.asn1.x500.AttributeTypeAndValue;
import org.bouncycastle.asn1.x500.RDN;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.OtherName;
import org.bouncycastle.cert.jcajce.JcaX509CertificateHolder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequest;

/** BouncyCastle under test, with its provider BC. The target's own: nothing but the order. */
final class BouncyCastle {
  private static final String HARDWARE = "1.3.6.1.5.5.7.8.4";

  public static void main(String[] args) throws Exception {
    BouncyCastleProvider provider = new BouncyCastleProvider();
    Security.addProvider(provider);
    Paths paths = new Paths("BC", BouncyCastle::facts);
    Lines.serve(
        "bouncycastle-" + provider.getVersionStr() + " chain,time,crl,csr,rsa",
        asked -> asked.kind().equals("CSR") ? judgeRequest(asked.tested()) : paths.judge(asked));
  }

  private static String judgeRequest(byte[] der) throws Exception {
    JcaPKCS10CertificationRequest loaded =
        new JcaPKCS10CertificationRequest(der).setProvider("BC");
    var verifier =
        new JcaContentVerifierProviderBuilder().setProvider("BC").build(loaded.getPublicKey());
    return loaded.isSignatureValid(verifier) ? "accept" : "reject signature";
  }

  private static String facts(X509Certificate from) throws Exception {
    Identity read = new Identity(from.getKeyUsage());
    JcaX509CertificateHolder holder = new JcaX509CertificateHolder(from);
    readSubject(read, holder.getSubject());
    GeneralNames names =
        GeneralNames.fromExtensions(holder.getExtensions(), Extension.subjectAlternativeName);
    for (GeneralName name : names == null ? new GeneralName[0] : names.getNames()) {
      if (name.getTagNo() == GeneralName.otherName) {
        OtherName other = OtherName.getInstance(name.getName());
        if (other.getTypeID().getId().equals(HARDWARE)) {
          readHardware(read, other.getValue());
        }
      }
    }
    return read.words();
  }

  private static void readHardware(Identity read, ASN1Encodable value) {
    if (value instanceof ASN1Sequence module
        && module.size() == 2
        && module.getObjectAt(1) instanceof ASN1OctetString serial) {
      read.identities.add(serial.getOctets());
    }
  }

  private static void readSubject(Identity read, X500Name subject) {
    for (RDN rdn : subject.getRDNs()) {
      for (AttributeTypeAndValue each : rdn.getTypesAndValues()) {
        if (each.getType().equals(BCStyle.OU) && each.getValue() instanceof ASN1String text) {
          read.units.add(text.getString());
        } else if (each.getType().equals(BCStyle.UNIQUE_IDENTIFIER)
            && each.getValue() instanceof ASN1BitString bits) {
          read.identities.add(bits.getPadBits() == 0 ? bits.getBytes() : new byte[0]);
        }
      }
    }
  }
}
