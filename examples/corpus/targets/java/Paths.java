import java.io.ByteArrayInputStream;
import java.security.GeneralSecurityException;
import java.security.cert.CRLException;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertPathValidatorException.BasicReason;
import java.security.cert.CertStore;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Validates paths with a provider of Java: CertificateFactory, then CertPathValidator with the date.
 *
 * <p>The target's own: no octet is left behind a document, and its key loads. Only the CRL of the
 * certificate is at hand, so that it is judged by it in a second step, with its issuer as anchor.
 */
final class Paths {
  /** Reads what is accepted: words such as {@code eui64=…}. */
  interface Facts {
    String of(X509Certificate certificate) throws Exception;
  }

  private final String provider;
  private final CertificateFactory factory;
  private final Facts facts;

  Paths(String provider, Facts facts) throws GeneralSecurityException {
    this.provider = provider;
    this.factory = CertificateFactory.getInstance("X.509", provider);
    this.facts = facts;
  }

  /** Judges a certificate, or by a CRL under test. */
  String judge(Question asked) throws Exception {
    X509Certificate certificate = load(asked.certificate());
    List<X509Certificate> path = new ArrayList<>(List.of(certificate));
    for (byte[] each : asked.chain()) {
      path.add(load(each));
    }
    List<X509CRL> lists = new ArrayList<>();
    for (byte[] each : asked.crls()) {
      lists.add(loadList(each));
    }
    certificate.getPublicKey().getEncoded();
    // A root under test is an anchor to be: it is verified with its own key.
    boolean isRoot =
        path.size() == 1
            && certificate.getSubjectX500Principal().equals(certificate.getIssuerX500Principal());
    X509Certificate root = isRoot ? certificate : load(asked.root());
    try {
      validate(path, root, List.of(), asked);
      if (!lists.isEmpty()) {
        X509Certificate issuer = path.size() > 1 ? path.get(1) : root;
        validate(List.of(certificate), issuer, lists, asked);
      }
    } catch (CertPathValidatorException error) {
      return isRevoked(error) ? "revoked" : Lines.refused(stage(error), error);
    }
    return "accept " + facts.of(certificate);
  }

  private void validate(
      List<X509Certificate> path, X509Certificate root, List<X509CRL> lists, Question asked)
      throws GeneralSecurityException {
    PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
    parameters.setDate(asked.at());
    parameters.setRevocationEnabled(!lists.isEmpty());
    parameters.addCertStore(
        CertStore.getInstance("Collection", new CollectionCertStoreParameters(lists)));
    CertPathValidator.getInstance("PKIX", provider)
        .validate(factory.generateCertPath(path), parameters);
  }

  private X509Certificate load(byte[] der) throws CertificateException {
    ByteArrayInputStream in = new ByteArrayInputStream(der);
    X509Certificate loaded = (X509Certificate) factory.generateCertificate(in);
    if (loaded == null || in.available() > 0) {
      throw new CertificateException("no certificate, or octets behind it");
    }
    return loaded;
  }

  private X509CRL loadList(byte[] der) throws CRLException {
    ByteArrayInputStream in = new ByteArrayInputStream(der);
    X509CRL loaded = (X509CRL) factory.generateCRL(in);
    if (loaded == null || in.available() > 0) {
      throw new CRLException("no CRL, or octets behind it");
    }
    return loaded;
  }

  /** BouncyCastle gives no reason but words. */
  private static boolean isRevoked(CertPathValidatorException error) {
    return error.getReason() == BasicReason.REVOKED
        || String.valueOf(error.getMessage()).startsWith("Certificate revocation after");
  }

  private static String stage(CertPathValidatorException error) {
    if (error.getIndex() == 0 && error.getReason() == BasicReason.INVALID_SIGNATURE) {
      return "signature";
    }
    boolean isOfTime =
        error.getReason() == BasicReason.EXPIRED || error.getReason() == BasicReason.NOT_YET_VALID;
    return error.getIndex() == 0 && isOfTime ? "use" : "";
  }
}
